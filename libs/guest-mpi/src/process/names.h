/* The keeper of published names begins to listen, when the program has one: weak, so that only programs that use names link it. */
#ifndef VBMPI_NAMES_H
#define VBMPI_NAMES_H

void vbmpi_names_begin(void) __attribute__((weak));

#endif
