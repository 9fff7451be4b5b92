/* The part of OpenSSL 3 that NotifluxJWT uses, and what Swift cannot call there: macros over variadic functions. */
#ifndef NOTIFLUX_COPENSSL_H
#define NOTIFLUX_COPENSSL_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "notiflux needs OpenSSL 3: install libssl-dev of Debian 12, Ubuntu 22.04 or newer"
#endif

/* A new key pair on P-256, or NULL. */
static inline EVP_PKEY *notiflux_generate_p256(void) { return EVP_EC_gen("P-256"); }

#endif
