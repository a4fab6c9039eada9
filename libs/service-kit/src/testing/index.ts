export { manualClock, type ManualClock } from './manual-clock.ts';
export { mortal, type Fate, type Mortal } from './mortal.ts';
export { seededRandom, testContext, type TestContext } from './test-context.ts';
export { testTelemetry, type TestTelemetry } from './test-telemetry.ts';
export { parseOpenMetrics, type MetricSample, type MetricText } from './open-metrics.ts';
