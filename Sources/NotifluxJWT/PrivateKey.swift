/// A private key on P-256, which signs tokens. It lives as long as a copy of it does and is never part of an error.
public struct PrivateKey: Sendable {
  let key: OwnedKey
  /// The public half.
  public let publicKey: PublicKey

  /// Reads PKCS#8 (`PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`), with any other text and blocks around, such as
  /// `EC PARAMETERS`. Exactly one private key must be there. Encrypted keys, other curves and other kinds of key are
  /// refused by name.
  public init(pem: String) throws(KeyError) {
    try self.init(pem: Array(pem.utf8))
  }

  /// Reads the bytes of a PEM file.
  public init(pem: [UInt8]) throws(KeyError) {
    let blocks = try PEM.blocks(in: pem)
    let privates = blocks.filter { $0.label.hasSuffix("PRIVATE KEY") }
    guard let block = privates.first else { throw Self.absence(blocks, in: pem) }
    guard privates.count == 1 else {
      throw KeyError("the file holds \(privates.count) private keys: leave one in it")
    }
    guard block.label != "ENCRYPTED PRIVATE KEY", !block.hasEncryptionHeader else {
      throw KeyError(
        "this private key is encrypted with a passphrase: decrypt it first with openssl pkey -in FILE -out NEWFILE")
    }
    guard block.label != "OPENSSH PRIVATE KEY" else {
      throw KeyError("this is an OpenSSH key; notiflux needs a PEM key on P-256 (prime256v1): run notiflux keygen")
    }
    try self.init(try Self.read(block))
  }

  /// A new key from the system's random numbers.
  public static func generate() throws(KeyError) -> PrivateKey {
    let key: OwnedKey
    do {
      key = try OwnedKey.generate()
    } catch {
      throw KeyError("cannot make a key", error)
    }
    return try PrivateKey(key)
  }

  /// The key as PKCS#8 PEM, not encrypted: whoever reads it can make tokens.
  public var pem: String {
    get throws(KeyError) {
      do {
        return PEM.text(label: "PRIVATE KEY", der: try key.pkcs8())
      } catch {
        throw KeyError("cannot write the key", error)
      }
    }
  }

  private init(_ key: OwnedKey) throws(KeyError) {
    self.key = key
    publicKey = try PublicKey(key)
  }

  private static func read(_ block: PEM.Block) throws(KeyError) -> OwnedKey {
    let der = try block.der()
    let key: OwnedKey
    do {
      key = try OwnedKey(privateDER: der)
    } catch {
      throw KeyError("the private key cannot be read (is the file damaged?)", error)
    }
    if let kind = key.foreignKind { throw PublicKey.foreign(kind) }
    guard key.isConsistent(privateToo: true) else {
      throw KeyError("the private key is damaged: its two halves do not belong together")
    }
    return key
  }

  private static func absence(_ blocks: [PEM.Block], in pem: [UInt8]) -> KeyError {
    if blocks.contains(where: { $0.label.hasSuffix("PUBLIC KEY") }) {
      return KeyError("this is a public key; the private key is needed here")
    }
    if blocks.contains(where: { $0.label.hasSuffix("CERTIFICATE") }) {
      return KeyError("this is a certificate; the private key is needed here")
    }
    if let other = blocks.first { return KeyError("there is no private key, only \(other.label)") }
    return PEM.missing("PRIVATE KEY", in: pem)
  }
}
