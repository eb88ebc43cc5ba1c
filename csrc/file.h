/* The few things about files that a Lua script cannot do itself and that a
 * cursor or a refresh token needs: replace a file so that a crash leaves the
 * old or the new one, never half of either; read one that nobody else may
 * read; lock one between processes. Blocks for as long as the disk does.
 * Every error is a negative errno; gs_file_replace says at which step. */
#ifndef GS_FILE_H
#define GS_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"

/* Why gs_file_read refused a file that it could open; below every errno. */
enum {
  GS_FILE_NOT_REGULAR = -10001, /* a directory, a device ... */
  GS_FILE_TOO_BIG = -10002,     /* larger than the buffer may grow */
  GS_FILE_EXPOSED = -10003,     /* others than its owner may read or write it,
                                   or it is another user's */
  GS_FILE_NOMEM = -10004,
};

/* gs_file_text returns one line for an error of this file. |text| is used for
 * an errno. [any] */
const char *gs_file_text(int error, char *text, size_t text_size);

/* gs_file_read appends the content of |path| to |out|, whose maximum is the
 * limit. With |is_private|, a file that group or others may read or write, or
 * that belongs to another user than us (and not root), is refused. Returns 0
 * or an error. [any] */
GS_NODISCARD int gs_file_read(const char *path, bool is_private, gs_buf *out);

/* gs_file_target writes the name of the file that |path| leads to, over
 * whatever symbolic links, into |target|, of PATH_MAX bytes, also if nothing is
 * there yet: |path| itself, or what its link says. Who locks a file locks it by
 * that name. Returns 0 or an error. [any] */
GS_NODISCARD int gs_file_target(const char *path, char *target);

/* gs_file_replace makes |data| the content of |path|: writes a temporary file
 * beside it with |mode|, fsyncs it, renames it over, fsyncs the directory. A
 * symbolic link is followed, so that the link stays. On an error |*step| is a
 * word for what failed ("create", "write", "sync", "rename", "sync the folder
 * of"); the old content is untouched (but for the last one: then the new one is
 * there, though a power cut may undo it), and the temporary file is gone.
 * Returns 0 or an error. [any] */
GS_NODISCARD int gs_file_replace(const char *path, const void *data, size_t len,
                                 mode_t mode, const char **step);

/* gs_file_sweep removes the temporary files beside |path| that gs_file_replace
 * could not, as its process was killed. Only for who holds a lock that all who
 * replace |path| take: the temporary file of a live one looks the same.
 * [any] */
void gs_file_sweep(const char *path);

/* gs_file_make_folders makes the folder |path| and those above it that are not
 * there, with |mode|. Returns 0, also if all of it was there, or an error.
 * [any] */
GS_NODISCARD int gs_file_make_folders(const char *path, mode_t mode);

/* gs_file_lock takes the lock that the file |path| stands for, made with mode
 * 0600 if absent, and writes our process id into it, unless somebody else's
 * text is there: that stays. The lock is the open file description: it ends
 * with gs_file_unlock or the process, and excludes a second lock in this
 * process too. Returns the fd, or an error; -EWOULDBLOCK if another has it,
 * with |*holder| its process id, or 0. [any] */
GS_NODISCARD int gs_file_lock(const char *path, long *holder);

/* gs_file_unlock gives the lock back; the file stays, as removing it would let
 * two others lock two files of one name. [any] */
void gs_file_unlock(int fd);

#endif
