import Foundation
import Testing

@Suite struct KeygenTests {
  private func mode(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  @Test("keygen writes a key that only its owner can read, its public half, and prints the variable for a server")
  func writes() async throws {
    try await Tool.inTemporaryDirectory { tool in
      let result = try tool.run("keygen")
      #expect(result.status == 0)
      #expect(try tool.files() == ["es256_private.pem", "es256_public.pem"])
      #expect(try mode(tool.path("es256_private.pem")) == 0o600)
      #expect(try tool.contents("es256_private.pem").hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
      let pem = try tool.contents("es256_public.pem")
      #expect(result.output == "JWT_PUBLIC_KEY_B64=\(Data(pem.utf8).base64EncodedString())\n")
      let derived = try tool.run("keygen", "--public-from", "es256_private.pem", "--public", "again.pem")
      #expect(derived.status == 0)
      #expect(try tool.contents("again.pem") == pem)
    }
  }

  @Test("keygen overwrites nothing unasked, and then leaves neither file")
  func keeps() async throws {
    try await Tool.inTemporaryDirectory { tool in
      try tool.write("mine", to: "es256_public.pem")
      let refused = try tool.run("keygen")
      #expect(refused.status == 1)
      #expect(refused.errorLines.count == 1 && refused.errors.contains("--force"))
      #expect(refused.output.isEmpty)
      #expect(try tool.files() == ["es256_public.pem"])
      #expect(try tool.contents("es256_public.pem") == "mine")
      #expect(try tool.run("keygen", "--force").status == 0)
      #expect(try tool.contents("es256_public.pem") != "mine")
    }
  }

  @Test("keygen --jwks writes the public key as a JWK Set in place of PEM, and prints nothing")
  func jwks() async throws {
    try await Tool.inTemporaryDirectory { tool in
      let made = try tool.run("keygen", "--jwks")
      #expect(made.status == 0 && made.output.isEmpty)
      #expect(made.errors.contains("wrote es256_jwks.json"))
      #expect(try tool.files() == ["es256_jwks.json", "es256_private.pem"])
      #expect(try mode(tool.path("es256_jwks.json")) == 0o644)
      let set = try tool.contents("es256_jwks.json")
      let derived = try tool.run("keygen", "--public-from", "es256_private.pem", "--jwks", "--public", "again.json")
      #expect(derived.status == 0)
      #expect(try tool.contents("again.json") == set)
      let refused = try tool.run("keygen", "--public-from", "es256_private.pem", "--jwks")
      #expect(refused.status == 1 && refused.errors.contains("--force"))
      let named = try tool.run("token", "subscribe", "t", "--key", "es256_private.pem", "--kid").output
      let seen = try tool.run("token", "inspect", "--jwks", "es256_jwks.json", input: named)
      #expect(seen.status == 0 && seen.output.contains("good"), "\(seen.output)")
      let kid = try #require(set.firstMatch(of: /"kid": "([^"]+)"/)?.1)
      #expect(seen.output.contains(kid))
    }
  }

  @Test("keygen makes the directory it is told to write to, and says where it cannot")
  func directories() async throws {
    try await Tool.inTemporaryDirectory { tool in
      #expect(try tool.run("keygen", "--out-dir", "a/b").status == 0)
      #expect(try tool.files() == ["a"])
      try tool.write("", to: "file")
      let refused = try tool.run("keygen", "--out-dir", "file/b")
      #expect(refused.status == 1)
      #expect(refused.errorLines.count == 1)
      #expect(try tool.run("keygen", "--private", "x.pem", "--public", "x.pem").status == 2)
      #expect(try tool.files() == ["a", "file"])
    }
  }
}
