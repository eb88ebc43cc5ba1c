#include "claim.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static pid_t process; /* whose claims these are */
static struct {
  char name[GS_CLAIM_NAME];
  uint64_t owner; /* 0: nobody yet */
} claims[GS_CLAIMS];
static uint64_t last_owner;

uint64_t gs_claim_owner(void) {
  pthread_mutex_lock(&lock);
  uint64_t owner = ++last_owner;
  pthread_mutex_unlock(&lock);
  return owner;
}

/* claim_find returns the place of |name|, or a free one, or GS_CLAIMS. */
static size_t claim_find(const char *name) {
  size_t i = 0;
  while (i < GS_CLAIMS && claims[i].owner && strcmp(claims[i].name, name)) i++;
  return i;
}

bool gs_claim(const char *name, uint64_t owner) {
  size_t len = strlen(name);
  if (len >= GS_CLAIM_NAME) return false;
  pthread_mutex_lock(&lock);
  if (process != getpid()) {
    process = getpid();
    memset(claims, 0, sizeof claims);
  }
  size_t i = claim_find(name);
  if (i < GS_CLAIMS && !claims[i].owner) {
    memcpy(claims[i].name, name, len + 1);
    claims[i].owner = owner;
  }
  bool has = i < GS_CLAIMS && claims[i].owner == owner;
  pthread_mutex_unlock(&lock);
  return has;
}
