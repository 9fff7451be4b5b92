internal import COpenSSL

/// ECDSA on P-256 with SHA-256, signatures as the 64 bytes r‖s (RFC 7518 §3.4). OpenSSL speaks DER.
enum ES256 {
  static let signatureLength = 64

  /// The signature of `message`.
  static func sign(_ message: [UInt8], with key: OwnedKey) throws(OpenSSLError) -> [UInt8] {
    guard let context = EVP_MD_CTX_new() else { throw OpenSSLError.drain() }
    defer { EVP_MD_CTX_free(context) }
    var der = [UInt8](repeating: 0, count: 128)
    var length = der.count
    guard EVP_DigestSignInit_ex(context, nil, "SHA256", nil, nil, key.pointer, nil) == 1,
      EVP_DigestSign(context, &der, &length, message, message.count) == 1
    else { throw OpenSSLError.drain() }
    return try joined(der: der.prefix(length))
  }

  /// Whether `signature` is 64 bytes that `key` makes for `message`. Callable from any thread; whatever fails counts
  /// as no.
  static func isValid(_ signature: [UInt8], of message: ArraySlice<UInt8>, by key: OwnedKey) -> Bool {
    guard let der = der(joined: signature), let context = EVP_MD_CTX_new() else {
      OpenSSLError.discard()
      return false
    }
    defer {
      EVP_MD_CTX_free(context)
      OpenSSLError.discard()
    }
    guard EVP_DigestVerifyInit_ex(context, nil, "SHA256", nil, nil, key.pointer, nil) == 1 else { return false }
    return message.withUnsafeBufferPointer { message in
      EVP_DigestVerify(context, der, der.count, message.baseAddress, message.count) == 1
    }
  }

  private static func joined(der: ArraySlice<UInt8>) throws(OpenSSLError) -> [UInt8] {
    let signature = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      return d2i_ECDSA_SIG(nil, &cursor, buffer.count)
    }
    guard let signature else { throw OpenSSLError.drain() }
    defer { ECDSA_SIG_free(signature) }
    var bytes = [UInt8](repeating: 0, count: signatureLength)
    let complete = bytes.withUnsafeMutableBufferPointer { buffer -> Bool in
      guard let start = buffer.baseAddress else { return false }
      return BN_bn2binpad(ECDSA_SIG_get0_r(signature), start, 32) == 32
        && BN_bn2binpad(ECDSA_SIG_get0_s(signature), start + 32, 32) == 32
    }
    guard complete else { throw OpenSSLError.drain() }
    return bytes
  }

  /// ECDSA-Sig-Value (RFC 3279 §2.2.3) in DER: no needless zero in front of a number, and one where it would look
  /// negative. Whether the numbers are good ones is for OpenSSL to say.
  private static func der(joined bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count == signatureLength else { return nil }
    var der: [UInt8] = []
    der.reserveCapacity(2 * (32 + 3) + 2)
    der += [0x30, 0]
    for number in [bytes[..<32], bytes[32...]] {
      let digits = number.drop { $0 == 0 }
      let sign = digits.first.map { $0 < 0x80 } ?? false ? 0 : 1
      der += [0x02, UInt8(sign + digits.count)]
      if sign == 1 { der.append(0) }
      der += digits
    }
    der[1] = UInt8(der.count - 2)
    return der
  }
}
