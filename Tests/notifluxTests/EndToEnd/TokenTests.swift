import Testing

@Suite struct TokenTests {
  @Test("a token is printed with a newline and nothing else, and is one that inspect accepts")
  func makes() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      let made = try tool.run("token", "subscribe", "a", "b c", "--key", "es256_private.pem", "-s", "me", "--kid")
      #expect(made.status == 0)
      #expect(made.errors.isEmpty)
      #expect(made.output.wholeMatch(of: /[\w-]+\.[\w-]+\.[\w-]+\n/) != nil)
      let seen = try tool.run("token", "inspect", "--public-key", "es256_public.pem", input: made.output)
      #expect(seen.status == 0, "\(seen.output)")
      #expect(seen.output.contains(#""topics":["a","b c"]"#))
      #expect(seen.output.contains(#""sub":"me""#))
      #expect(seen.output.contains(#""kid":""#))
      #expect(seen.output.contains("signature"))
      try tool.write("  \(made.output)\n", to: "token.txt")
      let read = try tool.run("token", "inspect", "@token.txt", "--public-key", "es256_public.pem")
      #expect(read.status == 0 && read.output.contains(#""topics":["a","b c"]"#), "\(read.errors)\(read.output)")
      let missing = try tool.run("token", "inspect", "@no.txt")
      #expect(missing.status == 1 && missing.errors.contains("cannot open no.txt"), "\(missing.errors)")
    }
  }

  @Test("a token has the kid and the jti it is told to, and inspect says whether it is revoked")
  func names() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      let token = try tool.run(
        "token", "broadcast", "t", "-k", "es256_private.pem", "--key-id", "2026-11", "--jti", "no 1"
      ).output
      try tool.write("jti \"no 1\"\n", to: "revoked")
      let seen = try tool.run("token", "inspect", "--public-key", "es256_public.pem", input: token)
      #expect(seen.status == 0)
      #expect(seen.output.contains(#""kid":"2026-11""#) && seen.output.contains(#""jti":"no 1""#), "\(seen.output)")
      let revoked = try tool.run("token", "inspect", "--revoked", "revoked", input: token)
      #expect(revoked.status == 1 && revoked.output.contains("token was revoked"), "\(revoked.output)")
      let both = try tool.run("token", "broadcast", "t", "-k", "es256_private.pem", "--key-id", "x", "--kid")
      #expect(both.status == 2)
    }
  }

  @Test("the key may come from the environment, as a file or as itself; the flag wins")
  func environment() async throws {
    try await Tool.inTemporaryDirectory { tool in
      _ = try tool.run("keygen")
      let base64 = try tool.run("keygen", "--public-from", "es256_private.pem", "--public", "p.pem").output
      #expect(base64.hasPrefix("JWT_PUBLIC_KEY_B64="))
      let file = ["NOTIFLUX_PRIVATE_KEY_FILE": "es256_private.pem"]
      #expect(try tool.run("token", "broadcast", "t", environment: file).status == 0)
      let missing = ["NOTIFLUX_PRIVATE_KEY_FILE": "no.pem"]
      #expect(try tool.run("token", "broadcast", "t", environment: missing).errors.contains("no.pem"))
      #expect(try tool.run("token", "broadcast", "t", "-k", "es256_private.pem", environment: missing).status == 0)
    }
  }

  @Test("inspect tells every reason why a server would refuse, and exits with 1")
  func inspects() async throws {
    try await Tool.inTemporaryDirectory { tool in
      // {"alg":"HS256"} . {"exp":1,"topics":"t"} . 32 zero bytes
      let token = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjEsInRvcGljcyI6InQifQ." + String(repeating: "A", count: 43)
      let result = try tool.run("token", "inspect", "-", input: token)
      #expect(result.status == 1)
      for part in ["HS256", "topics", "scope", "expired", "1970-01-01T00:00:01Z"] {
        #expect(result.output.contains(part), "\(part) in \(result.output)")
      }
    }
  }

  @Test(
    "what is wrong is said in one line with how to mend it, and exits with 2 or 1",
    arguments: [
      (["token", "subscribe", "t"], 2, "--key"), (["token", "subscribe", "-k", "x.pem"], 2, "TOPIC"),
      (["token", "subscribe", "t", "-k", "x.pem"], 1, "x.pem"),
      (["token", "subscribe", "", "-k", "x.pem"], 1, "x.pem"),
      (["token", "subscribe", "t", "-k", "x.pem", "--ttl", "5"], 2, "--ttl"), (["token"], 2, "subscribe"),
      (["token", "subscrib", "t"], 2, "subscribe"), (["tokn"], 2, "token"),
      (["token", "inspect", "x", "--public-key", "x.pem"], 1, "x.pem"),
    ] as [([String], Int32, String)])
  func refuses(_ arguments: [String], _ status: Int32, _ part: String) async throws {
    try await Tool.inTemporaryDirectory { tool in
      let process = try tool.run(arguments)
      #expect(process.status == status, "\(process.errors)")
      #expect(process.output.isEmpty)
      #expect(process.errors.contains(part), "\(process.errors)")
      #expect(process.errorLines.count == (status == 2 ? 2 : 1), "\(process.errors)")
    }
  }
}
