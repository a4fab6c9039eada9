/* The verbs interface under the name by which programs include it. */
#include <verbs.h>
