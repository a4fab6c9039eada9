export { busContract } from './contract.ts';
export { echoService, pingSchema, type Ping } from './echo.ts';
export { startNatsServer, type TestNatsServer } from './nats-server.ts';
