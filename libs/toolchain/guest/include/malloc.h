#include_next <malloc.h>
#include <stdlib.h>
