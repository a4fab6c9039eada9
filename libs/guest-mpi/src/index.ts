/** C: the MPI library that lives inside the guest. */
export {};
