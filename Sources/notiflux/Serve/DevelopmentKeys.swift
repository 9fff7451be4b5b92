import NotifluxJWT

/// The key pair of `serve --dev`: made in `.notiflux/` once, found there afterwards.
struct DevelopmentKeys {
  static let directory = ".notiflux"

  let privatePath: String
  let publicKey: PublicKey

  static func find() throws -> DevelopmentKeys {
    let path = "\(directory)/es256_private.pem"
    if File.isThere(path) {
      return DevelopmentKeys(privatePath: path, publicKey: try KeyFile.privateKey(path).publicKey)
    }
    let key = try PrivateKey.generate()
    try File.makeDirectory(directory)
    try File.create(path, contents: Array(key.pem.utf8), mode: 0o600, overwrites: false)
    try File.create(
      "\(directory)/es256_public.pem", contents: Array(key.publicKey.pem.utf8), mode: 0o644, overwrites: true)
    return DevelopmentKeys(privatePath: path, publicKey: key.publicKey)
  }

  /// Commands for a second terminal, whatever directory it is in, against the server at `url`.
  func instructions(url: String, program: String) -> String {
    let program = Self.quoted(program)
    let key = "--key \(Self.quoted(File.absolute(privatePath)))"
    let socket = "ws" + url.dropFirst("http".count)
    return """

      Development server at \(url). In a second terminal, subscribe:

        \(program) listen news --url \(url) \(key)

      In a third one, publish:

        \(program) publish news 'hello' --url \(url) \(key)

      or with curl:

        curl -sS \(url)/broadcast -H "Authorization: Bearer $(\(program) token broadcast news \(key))" \\
          -H 'Content-Type: application/json' -d '{"topic":"news","message":"hello"}'

      In a browser's console, with a token from: \(program) token subscribe news \(key)

        ws = new WebSocket("\(socket)/ws"); ws.onmessage = e => console.log(e.data);
        ws.onopen = () => ws.send("/subscribe news TOKEN")

      Ctrl-C stops the server.


      """
  }

  private static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isPlain
      ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }
}
