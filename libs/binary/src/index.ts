/** Binary formats declared as data: struct(), rings. */
export {};
