/* Start and end of the tool information interface, and categories (MPI-3.1, sections 14.3.4 and 14.3.8). */
#include "tools.h"

#include <stdio.h>
#include <string.h>

#include "handle.h"

static int opened;

bool vbmpi_tools_open(void) { return opened > 0; }

void vbmpi_tools_text(const char *text, char *out, int *length) {
  if (length == 0) return;
  if (out != 0 && *length > 0) snprintf(out, (size_t)*length, "%s", text);
  *length = (int)strlen(text) + 1;
}

int PMPI_T_init_thread(int required, int *provided) {
  if (required < MPI_THREAD_SINGLE || required > MPI_THREAD_MULTIPLE || provided == 0) return MPI_T_ERR_INVALID;
  *provided = required < MPI_THREAD_MULTIPLE ? required : MPI_THREAD_SERIALIZED;
  opened++;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_init_thread)

int PMPI_T_finalize(void) {
  VBMPI_TOOLS_CHECK
  opened--;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_finalize)

/* No variable has values with names. */
int PMPI_T_enum_get_info(MPI_T_enum type, int *count, char *name, int *length) {
  VBMPI_TOOLS_CHECK
  (void)type, (void)count, (void)name, (void)length;
  return MPI_T_ERR_INVALID_HANDLE;
}
VBMPI_ALIAS(T_enum_get_info)

int PMPI_T_enum_get_item(MPI_T_enum type, int index, int *value, char *name, int *length) {
  VBMPI_TOOLS_CHECK
  (void)type, (void)index, (void)value, (void)name, (void)length;
  return MPI_T_ERR_INVALID_HANDLE;
}
VBMPI_ALIAS(T_enum_get_item)

/* --- categories --- */

static const struct {
  const char *name, *text;
} categories[VBMPI_CATEGORIES] = {
    [VBMPI_CATEGORY_MESSAGES] = {"messages", "Messages of all kinds and how they travel"},
    [VBMPI_CATEGORY_QUEUES] = {"queues", "Messages that wait: for a receive, or for room at the receiver"},
    [VBMPI_CATEGORY_REGISTRATION] = {"registration", "Memory that the adapter may read and write"},
    [VBMPI_CATEGORY_LOCALITY] = {"locality", "Where the other ranks are and how they are reached"},
};

static int cvars_in(int category, int length, int *indices) {
  int found = 0;
  for (int i = 0; i < vbmpi_cvar_count; i++) {
    if ((int)vbmpi_cvars[i].category != category) continue;
    if (found < length) indices[found] = i;
    found++;
  }
  return found;
}

static int pvars_in(int category, int length, int *indices) {
  int found = 0;
  for (int i = 0; i < vbmpi_pvar_count; i++) {
    if ((int)vbmpi_pvars[i].category != category) continue;
    if (found < length) indices[found] = i;
    found++;
  }
  return found;
}

int PMPI_T_category_get_num(int *count) {
  VBMPI_TOOLS_CHECK
  *count = VBMPI_CATEGORIES;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_get_num)

int PMPI_T_category_get_info(int index, char *name, int *name_length, char *text, int *text_length, int *cvars, int *pvars, int *subcategories) {
  VBMPI_TOOLS_CHECK
  if (index < 0 || index >= VBMPI_CATEGORIES) return MPI_T_ERR_INVALID_INDEX;
  vbmpi_tools_text(categories[index].name, name, name_length);
  vbmpi_tools_text(categories[index].text, text, text_length);
  if (cvars) *cvars = cvars_in(index, 0, 0);
  if (pvars) *pvars = pvars_in(index, 0, 0);
  if (subcategories) *subcategories = 0;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_get_info)

int PMPI_T_category_get_index(const char *name, int *index) {
  VBMPI_TOOLS_CHECK
  if (name == 0 || index == 0) return MPI_T_ERR_INVALID;
  for (int i = 0; i < VBMPI_CATEGORIES; i++) {
    if (strcmp(categories[i].name, name) != 0) continue;
    *index = i;
    return MPI_SUCCESS;
  }
  return MPI_T_ERR_INVALID_NAME;
}
VBMPI_ALIAS(T_category_get_index)

int PMPI_T_category_get_cvars(int index, int length, int indices[]) {
  VBMPI_TOOLS_CHECK
  if (index < 0 || index >= VBMPI_CATEGORIES) return MPI_T_ERR_INVALID_INDEX;
  cvars_in(index, length, indices);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_get_cvars)

int PMPI_T_category_get_pvars(int index, int length, int indices[]) {
  VBMPI_TOOLS_CHECK
  if (index < 0 || index >= VBMPI_CATEGORIES) return MPI_T_ERR_INVALID_INDEX;
  pvars_in(index, length, indices);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_get_pvars)

int PMPI_T_category_get_categories(int index, int length, int indices[]) {
  VBMPI_TOOLS_CHECK
  (void)length, (void)indices;
  return index < 0 || index >= VBMPI_CATEGORIES ? MPI_T_ERR_INVALID_INDEX : MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_get_categories)

/* The set of variables never changes. */
int PMPI_T_category_changed(int *stamp) {
  VBMPI_TOOLS_CHECK
  *stamp = 0;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_category_changed)
