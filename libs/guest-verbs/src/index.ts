/** C: the verbs client that lives inside the guest. */
export {};
