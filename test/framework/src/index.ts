/** What system tests share: a cluster in a box, programs, assertions. */
export {};
