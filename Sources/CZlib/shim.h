/* The part of zlib that NotifluxWebSocket uses, and what Swift cannot call there: initialisers that are macros. Raw
 * DEFLATE (RFC 1951) alone, without a header or a checksum around it. */
#ifndef NOTIFLUX_CZLIB_H
#define NOTIFLUX_CZLIB_H

#include <zlib.h>

/* `bits`: the base-two logarithm of the window, 9 to 15. Z_OK or what zlib says. */
static inline int notiflux_deflate_open(z_stream *stream, int level, int bits) {
  return deflateInit2(stream, level, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY);
}

/* For any window up to 32 KiB. Z_OK or what zlib says. */
static inline int notiflux_inflate_open(z_stream *stream) { return inflateInit2(stream, -15); }

#endif
