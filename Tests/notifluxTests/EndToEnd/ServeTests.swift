import Foundation
import FoundationNetworking
import Testing

@Suite struct ServeTests {
  @Test(
    "a setting that will not do names itself, its value and what is accepted, wherever it comes from",
    arguments: [
      (["--port", "99999"], [:], "--port", "65535"), ([], ["PORT": "99999"], "PORT", "(environment)"),
      (["--workers", "0"], [:], "--workers", "0"), ([], ["WORKER_COUNT": "many"], "WORKER_COUNT", "many"),
      (["--drain-timeout", "10"], [:], "--drain-timeout", "10"),
      (["--max-pending", "1MB"], [:], "--max-pending", "raise"),
      (["--allow-origin", "example.com"], [:], "--allow-origin", "scheme"),
      (["--log-level", "loud"], [:], "--log-level", "info"),
      ([], [:], "public key is needed", "--dev"), (["--dev", "--host", "0.0.0.0"], [:], "--host", "loopback"),
      (["--tls-key", "k.pem"], [:], "--tls-certificate", "both"), (["--prt", "1"], [:], "--prt", "--port"),
    ] as [([String], [String: String], String, String)])
  func refuses(_ arguments: [String], _ environment: [String: String], _ name: String, _ part: String) async throws {
    try await Tool.inTemporaryDirectory { tool in
      let key =
        arguments.isEmpty && environment.isEmpty || arguments.contains("--dev") ? [] : ["--public-key", "k.pem"]
      _ = try tool.run("keygen", "--public", "k.pem")
      let result = try tool.run(["serve"] + key + arguments, environment: environment)
      #expect(result.status == 2, "\(result.errors)")
      #expect(result.errors.contains(name) && result.errors.contains(part), "\(result.errors)")
      #expect(result.errorLines.count == 2, "one line and the hint: \(result.errors)")
    }
  }

  @Test("--check tells a good configuration from a bad one without starting")
  func check() async throws {
    try await Tool.inTemporaryDirectory { tool in
      let printed = try tool.run("keygen").output
      let base64 = printed.dropFirst("JWT_PUBLIC_KEY_B64=".count).dropLast()
      #expect(try tool.run("serve", "--check", "--public-key", "es256_public.pem").status == 0)
      // As `base64` prints it, with line breaks.
      let broken = base64.prefix(76) + "\n" + base64.dropFirst(76) + "\n"
      #expect(try tool.run("serve", "--check", environment: ["JWT_PUBLIC_KEY_B64": String(broken)]).status == 0)
      for (environment, part) in [
        (["JWT_PUBLIC_KEY_B64": "!" + base64], "not base64"), (["JWT_PUBLIC_KEY_FILE": "no.pem"], "no.pem"),
        (["JWT_PUBLIC_KEY_FILE": "es256_private.pem"], "private key"),
      ] {
        let result = try tool.run("serve", "--check", environment: environment)
        #expect(result.status == 1)
        #expect(result.errors.contains(part) && result.errorLines.count == 1, "\(result.errors)")
      }
      let tls = try tool.run(
        "serve", "--check", "--public-key", "es256_public.pem", "--tls-certificate", "es256_public.pem", "--tls-key",
        "es256_private.pem")
      #expect(tls.status == 1)
      #expect(tls.errors.contains("es256_public.pem"))
    }
  }

  @Test("a variable that is no setting is named, with the one that was meant, and changes nothing")
  func misspelt() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      let misspelt = ["NOTIFLUX_HISTRY_TTL": "5m", "NOTIFLUX_BINARY": "x", "NOTIFLUX_TOKEN": "x", "NOTIFLUX_JWKS": ""]
      let result = try tool.run("serve", "--check", "--public-key", "es256_public.pem", environment: misspelt)
      #expect(result.status == 0 && result.output == "the configuration is good\n")
      #expect(
        result.errorLines == [
          "notiflux: NOTIFLUX_BINARY is not a setting; it is ignored",
          "notiflux: NOTIFLUX_HISTRY_TTL is not a setting; did you mean NOTIFLUX_HISTORY_TTL?",
        ])
      let client = try tool.run("publish", "t", "m", environment: ["NOTIFLUX_TOKN": "x"])
      #expect(client.status == 2 && client.errors.contains("did you mean NOTIFLUX_TOKEN?"), "\(client.errors)")
      let port = try tool.run(
        "serve", "--check", "--public-key", "es256_public.pem", environment: ["NOTIFLUX_PORT": "80"])
      #expect(port.errorLines == ["notiflux: NOTIFLUX_PORT is not a setting; did you mean PORT?"])
      for quiet in [["keygen", "--force"], ["help", "serve"], ["--version"], ["completion", "bash"]] {
        #expect(try !tool.run(quiet, environment: misspelt).errors.contains("is not a setting"), "\(quiet)")
      }
    }
  }

  @Test("it serves until SIGTERM, then goes with 0; a port that is taken is a clear error")
  func serves() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      let server = try ServerProcess(tool)
      let (data, _) = try await URLSession.shared.data(from: #require(URL(string: server.url + "/ready")))
      #expect(String(decoding: data, as: UTF8.self) == #"{"status":"ready"}"#)
      let port = try #require(server.url.split(separator: ":").last)
      let second = try tool.run("serve", "--public-key", "es256_public.pem", "--port", String(port))
      #expect(second.status == 1)
      #expect(second.errors.contains("cannot listen on 127.0.0.1:\(port)") && second.errorLines.count == 1)
      server.signal(SIGTERM)
      #expect(server.wait() == 0)
    }
  }

  @Test("SIGHUP takes new keys, and keeps the old ones where the new are bad")
  func reloads() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      _ = try tool.run("keygen", "--out-dir", "new")
      let server = try ServerProcess(tool, ["--public-key", "es256_public.pem", "--log-format", "text"])
      try FileManager.default.removeItem(atPath: tool.path("es256_public.pem"))
      try tool.write("nonsense", to: "es256_public.pem")
      server.signal(SIGHUP)
      try server.waitForLog("keys, certificates and revocations kept")
      #expect(try await status(server, tool, key: "es256_private.pem") == 200)
      try tool.write(tool.contents("new/es256_public.pem"), to: "es256_public.pem")
      server.signal(SIGHUP)
      try server.waitForLog("keys, certificates and revocations reloaded files=es256_public.pem keys=1 revocations=0")
      #expect(try await status(server, tool, key: "es256_private.pem") == 401)
      #expect(try await status(server, tool, key: "new/es256_private.pem") == 200)
      server.signal(SIGTERM)
      #expect(server.wait() == 0)
    }
  }

  @Test("JWK Sets add to PEM keys or stand alone, and --check says what is wrong with one, or with a revocation list")
  func jwks() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      _ = try tool.run("keygen", "--out-dir", "new", "--jwks")
      try tool.write("# nobody yet\njti one\nsub \"two words\" before 9999-12-31T23:59:59Z\n", to: "revoked")
      try tool.write("jti one\njit two\n", to: "bad")
      try tool.write("", to: "big")
      try FileHandle(forWritingTo: URL(fileURLWithPath: tool.path("big"))).truncate(atOffset: (16 << 20) + 1)
      try tool.write("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}", to: "bad.json")
      let both = ["--public-key", "es256_public.pem", "--jwks", "new/es256_jwks.json", "--revoked", "revoked"]
      let server = try ServerProcess(tool, both)
      try server.waitForLog("keys=2")
      try server.waitForLog("revocations=2")
      for key in ["es256_private.pem", "new/es256_private.pem"] {
        #expect(try await status(server, tool, key: key) == 200)
        #expect(try await status(server, tool, key: key, "--jti", "one") == 401)
        #expect(try await status(server, tool, key: key, "--subject", "two words") == 401)
        #expect(try await status(server, tool, key: key, "--subject", "two") == 200)
      }
      server.signal(SIGTERM)
      #expect(server.wait() == 0)
      let alone = ["NOTIFLUX_JWKS_FILE": "new/es256_jwks.json", "NOTIFLUX_REVOKED_FILE": "revoked"]
      #expect(try tool.run("serve", "--check", environment: alone).status == 0)
      for (arguments, part) in [
        (["--jwks", "bad.json"], "bad.json: keys[0]: \"x\" is missing"), (["--jwks", "no.json"], "no.json"),
        (["--jwks", "es256_public.pem"], "es256_public.pem: this is PEM, not a JWK Set: give it with --public-key"),
        (["--public-key", "new/es256_jwks.json"], "es256_jwks.json: this is JSON, not PEM: give a JWK Set"),
        (["--jwks", "new/es256_jwks.json", "--revoked", "bad"], "bad, line 2: expected: jti ID, sub SUBJECT"),
        (["--jwks", "new/es256_jwks.json", "--revoked", "gone"], "gone"),
        (["--jwks", "new/es256_jwks.json", "--revoked", "big"], "big has more than 16777216 bytes"),
      ] {
        let result = try tool.run(["serve", "--check"] + arguments)
        #expect(result.status == 1)
        #expect(result.errors.contains(part) && result.errorLines.count == 1, "\(result.errors)")
      }
      let none = try tool.run("serve", "--check")
      #expect(none.status == 2 && none.errors.contains("--jwks FILE"))
    }
  }

  @Test("--dev makes a key pair once and finds it again")
  func development() async throws {
    try await Tool.inTemporaryDirectory { tool in
      let first = try ServerProcess(tool, ["--dev"])
      #expect(try tool.files() == [".notiflux"])
      let key = try tool.contents(".notiflux/es256_private.pem")
      #expect(try await status(first, tool, key: ".notiflux/es256_private.pem") == 200)
      first.signal(SIGINT)
      #expect(first.wait() == 0)
      let second = try ServerProcess(tool, ["--dev"])
      #expect(try tool.contents(".notiflux/es256_private.pem") == key)
      second.signal(SIGTERM)
      #expect(second.wait() == 0)
    }
  }

  /// Of a publish with a token signed by `key`.
  private func status(_ server: ServerProcess, _ tool: Tool, key: String, _ more: String...) async throws -> Int {
    let token = try tool.run(["token", "broadcast", "t", "--key", key] + more).output.dropLast()
    var request = URLRequest(url: try #require(URL(string: server.url + "/broadcast")))
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = Data(#"{"topic":"t","message":"m","token":"\#(token)"}"#.utf8)
    let (_, response) = try await URLSession.shared.data(for: request)
    return try #require(response as? HTTPURLResponse).statusCode
  }
}
