/* What the programs of this folder share: a call that must succeed. */
#ifndef OK_H
#define OK_H
#include <stdio.h>
#include <stdlib.h>
#define OK(call) \
    do { \
        int status_ = (call); \
        if (status_ != 0) { \
            printf("%s: status %d: %s\n", #call, status_, dprog_last_error()); \
            exit(1); \
        } \
    } while (0)
#endif
