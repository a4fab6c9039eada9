/* Handles that a program has not freed when it calls MPI_Finalize. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <verbena/abi.h>

#include "check.h"
#include "pt2pt/request.h"

static struct vbmpi_table *tables;   /* those that the user gets handles from, in the order of their first use */

static void grow(struct vbmpi_table *table) {
  struct vbmpi_site *sites = realloc(table->sites, table->capacity * sizeof *sites);
  if (sites == 0) return;
  if (table->sites == 0) {
    table->next = tables;
    tables = table;
  }
  memset(sites + table->sites_capacity, 0, (table->capacity - table->sites_capacity) * sizeof *sites);
  table->sites = sites;
  table->sites_capacity = table->capacity;
}

void vbmpi_check_made(struct vbmpi_table *table, uint32_t index) {
  if (table->what == 0) return;
  if (index >= table->sites_capacity) grow(table);
  if (index < table->sites_capacity) table->sites[index] = vbmpi_site;
}

/* A negative line: not the user's. */
void vbmpi_check_hide(struct vbmpi_table *table, uint32_t index) {
  if (vbmpi_checking && index < table->sites_capacity) table->sites[index].line = -1;
}

struct leak {
  struct vbmpi_site site;
  int count;
};

struct leaks {
  struct leak *at;
  size_t used, capacity;
};

static void note(struct leaks *leaks, const struct vbmpi_site *site) {
  for (size_t i = 0; i < leaks->used; i++) {
    if (leaks->at[i].site.line != site->line || leaks->at[i].site.file != site->file) continue;
    leaks->at[i].count++;
    return;
  }
  if (leaks->used == leaks->capacity) {
    size_t capacity = leaks->capacity ? leaks->capacity * 2 : 8;
    struct leak *more = realloc(leaks->at, capacity * sizeof *more);
    if (more == 0) return;
    leaks->at = more;
    leaks->capacity = capacity;
  }
  leaks->at[leaks->used++] = (struct leak){*site, 1};
}

static void report(struct leaks *leaks, const char *what) {
  for (size_t i = 0; i < leaks->used; i++) {
    char place[256];
    int count = leaks->at[i].count;
    vbmpi_describe_site(place, sizeof place, &leaks->at[i].site);
    fprintf(stderr, "verbena: check: rank %d: %d %s%s left at MPI_Finalize%s%s\n", (int)vb_boot_info()->rank, count, what, count == 1 ? "" : "s",
            *place ? ", made" : "", place);
  }
  free(leaks->at);
}

static void report_requests(void) {
  struct leaks leaks = {0};
  for (uint32_t i = VBMPI_SENT_INDEX + 1; i < vbmpi_request_limit; i++) {
    const struct vbmpi_request *request = vbmpi_request_at(i);
    if (request && request->on_user_list && !request->freed) note(&leaks, &request->site);
  }
  report(&leaks, "request");
}

void vbmpi_check_leaks(void) {
  report_requests();
  for (struct vbmpi_table *table = tables; table; table = table->next) {
    struct leaks leaks = {0};
    for (uint32_t i = 1; i < table->used && i < table->sites_capacity; i++)
      if (table->slots[i] && table->sites[i].line >= 0) note(&leaks, &table->sites[i]);
    report(&leaks, table->what);
  }
}
