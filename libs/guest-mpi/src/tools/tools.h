/*
 * The tool information interface (MPI-3.1, section 14.3): variables are rows of two tables, one of control variables and one of performance
 * variables; categories name rows. Nothing is counted for the tools: what they read is kept anyway.
 *
 * Functions return their code and call no error handler (section 14.3.10). They may be called before MPI_Init and after MPI_Finalize.
 */
#ifndef VBMPI_TOOLS_H
#define VBMPI_TOOLS_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum vbmpi_category { VBMPI_CATEGORY_MESSAGES, VBMPI_CATEGORY_QUEUES, VBMPI_CATEGORY_REGISTRATION, VBMPI_CATEGORY_LOCALITY, VBMPI_CATEGORIES };

struct vbmpi_cvar {
  const char *name, *text;
  enum vbmpi_category category;
  int verbosity;
  int scope;
  int (*read)(void);
  /* An MPI_T error, or MPI_SUCCESS; NULL for a variable that nobody sets. */
  int (*write)(int value);
};
struct vbmpi_pvar {
  const char *name, *text;
  enum vbmpi_category category;
  int verbosity;
  int variable_class;
  unsigned long long (*read)(void);
};

extern const struct vbmpi_cvar vbmpi_cvars[];
extern const int vbmpi_cvar_count;
extern const struct vbmpi_pvar vbmpi_pvars[];
extern const int vbmpi_pvar_count;

/* MPI_T_init_thread was called more often than MPI_T_finalize. */
bool vbmpi_tools_open(void);

/* A text as section 14.3.3 wants it: at most *length bytes with the end, and then *length is what all of it takes. */
void vbmpi_tools_text(const char *text, char *out, int *length);

#define VBMPI_TOOLS_CHECK \
  if (!vbmpi_tools_open()) return MPI_T_ERR_NOT_INITIALIZED;

#endif
