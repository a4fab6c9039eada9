/** Image catalogue, versions, distribution plans. */
export {};
