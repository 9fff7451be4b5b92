internal import COpenSSL

/// The owner of one `EVP_PKEY` of OpenSSL.
///
/// `@unchecked Sendable`: the key is never changed after it was made, and OpenSSL 3 guards what it caches inside a key
/// with the key's own lock; every operation makes a context of its own.
final class OwnedKey: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes over one reference.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    EVP_PKEY_free(pointer)
  }

  /// A new key pair on P-256.
  static func generate() throws(OpenSSLError) -> OwnedKey {
    guard let pointer = notiflux_generate_p256() else { throw OpenSSLError.drain() }
    return OwnedKey(owning: pointer)
  }

  /// A private key of any kind, as PKCS#8 (RFC 5958) or as its own format, such as SEC1's (RFC 5915).
  convenience init(privateDER der: [UInt8]) throws(OpenSSLError) {
    do {
      // Asked for one kind, OpenSSL tries a quarter of its decoders; other kinds are read only to name them.
      try self.init(der) { d2i_PrivateKey(EVP_PKEY_EC, nil, $0, $1) }
    } catch {
      try self.init(der) { d2i_AutoPrivateKey(nil, $0, $1) }
    }
  }

  /// A public key of any kind, as SubjectPublicKeyInfo (RFC 5280 §4.1).
  convenience init(publicDER der: [UInt8]) throws(OpenSSLError) {
    try self.init(der) { d2i_PUBKEY(nil, $0, $1) }
  }

  private convenience init(
    _ der: [UInt8], _ decode: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?
  ) throws(OpenSSLError) {
    var rest = 0
    let pointer = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      let pointer = decode(&cursor, buffer.count)
      if let start = buffer.baseAddress, let cursor { rest = buffer.count - (cursor - start) }
      return pointer
    }
    guard let pointer else { throw OpenSSLError.drain() }
    OpenSSLError.discard()
    self.init(owning: pointer)
    guard rest == 0 else { throw OpenSSLError(reason: "more bytes after the key") }
  }
}

extension OwnedKey {
  /// What kind of key it is, for a person: `secp384r1`, `2048-bit RSA`, `Ed25519`; nil for P-256.
  var foreignKind: String? {
    let type = EVP_PKEY_get0_type_name(pointer).map { String(cString: $0) } ?? "unknown"
    switch type {
    case "EC":
      let curve = curve
      return curve == "prime256v1" ? nil : curve ?? "EC (with a curve of its own)"
    case "RSA", "RSA-PSS", "DSA": return "\(EVP_PKEY_get_bits(pointer))-bit \(type)"
    case "ED25519": return "Ed25519"
    case "ED448": return "Ed448"
    default: return type
    }
  }

  private var curve: String? {
    var name = [CChar](repeating: 0, count: 64)
    var length = 0
    guard EVP_PKEY_get_group_name(pointer, &name, name.count, &length) == 1, length < name.count else {
      OpenSSLError.discard()
      return nil
    }
    return String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Whether the point lies on the curve and, for a private key, whether both halves belong together.
  func isConsistent(privateToo: Bool) -> Bool {
    guard let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else {
      OpenSSLError.discard()
      return false
    }
    defer { EVP_PKEY_CTX_free(context) }
    let answer = privateToo ? EVP_PKEY_check(context) : EVP_PKEY_public_check(context)
    OpenSSLError.discard()
    return answer == 1
  }

  /// The 32 bytes each of the public point's coordinates on P-256.
  func coordinates() throws(OpenSSLError) -> (x: [UInt8], y: [UInt8]) {
    (try coordinate(OSSL_PKEY_PARAM_EC_PUB_X), try coordinate(OSSL_PKEY_PARAM_EC_PUB_Y))
  }

  private func coordinate(_ name: String) throws(OpenSSLError) -> [UInt8] {
    var number: OpaquePointer?
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: 32)
    guard EVP_PKEY_get_bn_param(pointer, name, &number) == 1, BN_bn2binpad(number, &bytes, 32) == 32 else {
      throw OpenSSLError.drain()
    }
    return bytes
  }

  /// The private key as PKCS#8 (RFC 5958), not encrypted.
  func pkcs8() throws(OpenSSLError) -> [UInt8] {
    guard let info = EVP_PKEY2PKCS8(pointer) else { throw OpenSSLError.drain() }
    defer { PKCS8_PRIV_KEY_INFO_free(info) }
    var der = [UInt8](repeating: 0, count: max(0, Int(i2d_PKCS8_PRIV_KEY_INFO(info, nil))))
    let written = der.withUnsafeMutableBufferPointer { buffer -> Int32 in
      var cursor = buffer.baseAddress
      return i2d_PKCS8_PRIV_KEY_INFO(info, &cursor)
    }
    guard !der.isEmpty, Int(written) == der.count else { throw OpenSSLError.drain() }
    return der
  }
}
