/** C and C++ to a guest image: clang, link, instrument, pack. */
export {};
