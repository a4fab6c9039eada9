/** Figures as ratios against peers, interleaved in one run. */
export {};
