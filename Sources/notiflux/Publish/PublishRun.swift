import CommandTable
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// One run of `notiflux publish`, once it is known what to publish and where.
struct PublishRun: Sendable {
  enum Output { case cursors, json, nothing }

  let endpoint: Endpoint
  let configuration: ClientConfiguration
  let topic: Topic
  let credentials: Credentials
  let output: Output

  /// Publishes one message.
  func publish(_ text: String, id: String?) async throws -> ExitCode {
    let client = NotifluxClient(endpoint: endpoint, configuration: configuration)
    let result = await outcome { () throws(ClientError) in
      try await client.publish(text, to: [topic], token: try token(), id: id)
    }
    await client.shutDown()
    switch result {
    case .success(let cursor):
      try write(.accepted(cursor))
      return .success
    case .failure(let error):
      if output == .json, case .refused(let refusal, _) = error { try write(.refused(refusal)) }
      throw CommandFailure("\(error)", code: error.exitCode)
    }
  }

  /// Publishes each line of standard input.
  func publishLines() async -> ExitCode {
    let client = NotifluxClient(endpoint: endpoint, configuration: configuration)
    let code = await LineBatch(run: self, publisher: client.publisher).run()
    await client.shutDown()
    return code
  }

  func token() throws(ClientError) -> String {
    do { return try credentials.token(.broadcast, topics: [topic]) } catch { throw .noToken("\(error)") }
  }

  func write(_ answer: BroadcastAnswer) throws(StandardStream.Failure) {
    switch (output, answer) {
    case (.nothing, _): break
    case (.json, _): try StandardStream.output.write(answer.json + [UInt8(ascii: "\n")])
    case (.cursors, .accepted(let cursor)): try StandardStream.output.write("\(cursor)\n")
    case (.cursors, .refused): break
    }
  }
}

/// What a throwing call came to, with the type of its error kept.
func outcome<Value: Sendable, Failure: Error>(
  _ body: () async throws(Failure) -> Value
) async -> Result<Value, Failure> {
  do { return .success(try await body()) } catch { return .failure(error) }
}
