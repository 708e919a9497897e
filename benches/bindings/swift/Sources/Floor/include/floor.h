/* The least that a call from Swift into C can cost. */
#ifndef FLOOR_H
#define FLOOR_H

const char *floor_nothing(void);

#endif
