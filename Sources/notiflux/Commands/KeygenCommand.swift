import CommandTable
import NotifluxJWT
import NotifluxProtocol

/// `notiflux keygen`: makes a key pair, or the public half of a private key.
enum KeygenCommand {
  static let outDir = Option(
    "out-dir", short: "o", .directory, default: ".", help: "Write the files into DIR, which is made if missing")
  static let privateName = Option(
    "private", .file, help: "Write the private key to FILE [es256_private.pem in --out-dir]")
  static let publicName = Option(
    "public", .file, help: "Write the public key to FILE [es256_public.pem in --out-dir]")
  static let jwks = Option(
    flag: "jwks", help: "Write the public key as a JWK Set [es256_jwks.json in --out-dir]",
    details: [
      "In place of PEM, for `notiflux serve --jwks` and other programs that read RFC 7517. Its `kid` is the key's RFC 7638 "
        + "thumbprint, which `notiflux token --kid` names."
    ])
  static let force = Option(
    flag: "force", short: "f", help: "Replace files that are there",
    details: [
      "To change the key of a server, do not replace its files: every good token would be refused at once. Make the new "
        + "pair elsewhere, and have the server accept both public keys for a while."
    ])
  static let publicFrom = Option(
    "public-from", .file, help: "Make no key: write the public half of the private key in FILE")

  static let command: Command = Command(
    "keygen", summary: "Make a key pair for tokens",
    discussion: [
      "Makes an EC key pair on P-256 (prime256v1), writes the private key as PKCS#8 PEM that only you can read (mode "
        + "0600) and the public key as SPKI PEM, and prints the line `JWT_PUBLIC_KEY_B64=…` that hands the public key to "
        + "a server through its environment.",
      "Keep the private key where tokens are made. The server needs the public key only: copy that file to it.",
    ],
    options: [outDir, privateName, publicName, jwks, force, publicFrom], exclusive: [[privateName, publicFrom]],
    examples: [
      Example("notiflux keygen", "Write es256_private.pem and es256_public.pem here."),
      Example("notiflux keygen --out-dir new", "Make the next pair, beside the one in use, to rotate to."),
      Example(
        "notiflux serve --public-key es256_public.pem --public-key new/es256_public.pem",
        "On the server, accept tokens of both keys until the last one of the old key has expired."),
      Example("notiflux keygen --public-from es256_private.pem", "Write the public half of a key you have."),
      Example("notiflux keygen --public-from es256_private.pem --jwks", "The same as a JWK Set."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    let publicPath = settings[publicName] ?? path(settings[jwks] ? "es256_jwks.json" : "es256_public.pem", settings)
    let overwrites = settings[force]
    if let source = settings[publicFrom] {
      let key = try KeyFile.privateKey(source).publicKey
      try makeDirectory(settings)
      try write(key, to: publicPath, settings)
      return .success
    }
    let privatePath = settings[privateName] ?? path("es256_private.pem", settings)
    guard privatePath != publicPath else {
      throw settings.usageError("--private and --public name the same file; give two")
    }
    let key = try PrivateKey.generate()
    try makeDirectory(settings)
    // Seen to before either is written, so that a refusal leaves no half of a pair.
    if !overwrites, let taken = [privatePath, publicPath].first(where: File.isThere) { throw File.exists(taken) }
    try File.create(privatePath, contents: Array(key.pem.utf8), mode: 0o600, overwrites: overwrites)
    Notiflux.say("wrote \(privatePath) (keep it secret)")
    try write(key.publicKey, to: publicPath, settings)
    return .success
  }

  private static func write(_ key: PublicKey, to path: String, _ settings: Settings) throws {
    let text = settings[jwks] ? key.jwks : key.pem
    try File.create(path, contents: Array(text.utf8), mode: 0o644, overwrites: settings[force])
    Notiflux.say("wrote \(path)")
    if !settings[jwks] { try StandardStream.output.write("JWT_PUBLIC_KEY_B64=\(Base64.encode(text.utf8))\n") }
  }

  /// Only where a file goes there.
  private static func makeDirectory(_ settings: Settings) throws {
    if settings.isGiven(outDir) { try File.makeDirectory(settings[outDir]) }
  }

  private static func path(_ name: String, _ settings: Settings) -> String {
    let directory = settings[outDir]
    if directory == "." { return name }
    return directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
  }
}
