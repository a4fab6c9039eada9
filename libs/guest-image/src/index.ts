/** The guest image: manifest, chunks, container file. */
export {};
