/* Error classes and codes of the user, beside those of the standard (MPI-3.1, section 8.5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

struct user_code {
  int error_class;
  bool is_class;
  char *text;
};

/* Class or code MPI_ERR_LASTCODE + 1 + i is codes[i]. */
static struct user_code *codes;
static int used;
int vbmpi_last_code = MPI_ERR_LASTCODE;

static struct user_code *code_of(int code) { return code > MPI_ERR_LASTCODE && code <= vbmpi_last_code ? &codes[code - MPI_ERR_LASTCODE - 1] : 0; }

const char *vbmpi_user_error_text(int code) {
  struct user_code *user = code_of(code);
  return user == 0 ? 0 : user->text ? user->text : "";
}

static int add(int error_class, int *code, const char *function) {
  VBMPI_MAIN_CHECK(function)
  struct user_code *more = realloc(codes, ((size_t)used + 1) * sizeof *more);
  if (more == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory");
  codes = more;
  *code = ++vbmpi_last_code;
  codes[used++] = (struct user_code){.error_class = error_class ? error_class : *code, .is_class = error_class == 0};
  return MPI_SUCCESS;
}

int PMPI_Add_error_class(int *error_class) { return add(0, error_class, "MPI_Add_error_class"); }
VBMPI_ALIAS(Add_error_class)

int PMPI_Add_error_code(int error_class, int *code) {
  struct user_code *user = code_of(error_class);
  bool exists = error_class > MPI_SUCCESS && (user ? user->is_class : vbmpi_error_text(error_class) != 0);
  if (!exists) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Add_error_code", "%d is not an error class", error_class);
  return add(error_class, code, "MPI_Add_error_code");
}
VBMPI_ALIAS(Add_error_code)

int PMPI_Add_error_string(int code, const char *text) {
  VBMPI_MAIN_CHECK("MPI_Add_error_string")
  struct user_code *user = code_of(code);
  if (user == 0) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Add_error_string", "%d is not a code that was added", code);
  char *copy = strndup(text, MPI_MAX_ERROR_STRING - 1);
  if (copy == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Add_error_string", "no memory");
  free(user->text);
  user->text = copy;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Add_error_string)

int PMPI_Error_class(int code, int *error_class) {
  struct user_code *user = code_of(code);
  *error_class = user ? user->error_class : vbmpi_error_text(code) ? code : MPI_ERR_UNKNOWN;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Error_class)

int PMPI_Error_string(int code, char *text, int *length) {
  const char *words = vbmpi_error_text(code);
  *length = snprintf(text, MPI_MAX_ERROR_STRING, "%s", words ? words : "unknown error code");
  return words ? MPI_SUCCESS : MPI_ERR_ARG;
}
VBMPI_ALIAS(Error_string)
