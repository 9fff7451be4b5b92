internal import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
  /// The 32 bytes of the digest.
  package static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    // Fails only where OpenSSL's configuration takes SHA-256 away; nothing can be signed or verified there.
    precondition(COpenSSL.SHA256(bytes, bytes.count, &digest) != nil, "OpenSSL offers no SHA-256")
    return digest
  }
}
