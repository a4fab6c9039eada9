/* Hundreds of files, temporary files, directories, seeks beyond 4 GiB in a 64-bit offset, and reading with formats. */
#define _FILE_OFFSET_BITS 64
#define _LARGEFILE64_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <glob.h>

#define FILES 300

int main(void)
{
  static FILE *open_files[FILES];
  char name[64], line[128];
  assert(mkdir("many", 0755) == 0);
  for (int i = 0; i < FILES; i++) {
    sprintf(name, "many/part-%04d.dat", i);
    open_files[i] = fopen(name, "w+b");
    assert(open_files[i] != NULL);
    fprintf(open_files[i], "%d %.17g\n", i, i / 3.0);
  }
  for (int i = 0; i < FILES; i++) {
    int number;
    double value;
    rewind(open_files[i]);
    assert(fscanf(open_files[i], "%d %lf", &number, &value) == 2 && number == i && value == i / 3.0);
    fclose(open_files[i]);
  }
  int count = 0;
  DIR *directory = opendir("many");
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += strncmp(entry->d_name, "part-", 5) == 0;
  closedir(directory);
  assert(count == FILES);
  glob_t matches;
  assert(glob("many/part-000*.dat", 0, NULL, &matches) == 0 && matches.gl_pathc == 10);
  globfree(&matches);

  FILE *scratch = tmpfile();
  assert(scratch != NULL && fputs("gone\n", scratch) >= 0);
  rewind(scratch);
  assert(fgets(line, sizeof line, scratch) != NULL && strcmp(line, "gone\n") == 0);
  fclose(scratch);

  assert(sizeof(off_t) == 8);
  int large = open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0644);
  assert(lseek(large, (off_t)1 << 33, SEEK_SET) == (off_t)1 << 33);
  close(large);
  assert(rename("many/part-0000.dat", "renamed") == 0 && access("renamed", R_OK) == 0);
  assert(access("many/part-0000.dat", F_OK) == -1 && errno == ENOENT);
  struct stat information;
  assert(stat("renamed", &information) == 0 && S_ISREG(information.st_mode) && information.st_size > 0);
  assert(chmod("renamed", 0600) == 0);
  assert(remove("renamed") == 0);
  for (int i = 1; i < FILES; i++) {
    sprintf(name, "many/part-%04d.dat", i);
    assert(unlink(name) == 0);
  }
  assert(rmdir("many") == 0);
  assert(chdir("/tmp") == 0);
  FILE *log = fopen("run.log", "a");
  assert(log != NULL && setvbuf(log, NULL, _IOLBF, 1024) == 0 && fileno(log) > 2 && fsync(fileno(log)) == 0);
  fclose(log);
  puts("ok");
  return 0;
}
