import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct RequestMemoryTests {
  private let head = "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"

  private func fixture(used: Int) throws -> (HTTPFixture, RequestMemory) {
    let fixture = try HTTPFixture()
    let memory = fixture.worker.services.requestMemory
    #expect(memory.take(memory.limit - used))
    return (fixture, memory)
  }

  @Test("bytes within the limit are had, those beyond are not, and what is given back can be had again")
  func counting() {
    let memory = RequestMemory(limit: 10)
    #expect(memory.take(7))
    #expect(!memory.take(4))
    #expect(memory.take(3))
    memory.give(3)
    #expect(memory.value == 7)
  }

  @Test("what an incomplete head and body hold counts, until the request is complete")
  func counted() throws {
    let (fixture, memory) = try fixture(used: 5000)
    let before = memory.value
    fixture.receive("POST /broad")
    #expect(memory.value == before + 11)
    fixture.receive("cast HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    #expect(memory.value == before)
    fixture.receive("1234")
    #expect(memory.value == before + 4)
    fixture.receive("567890")
    #expect(memory.value == before)
    #expect(fixture.answers.map { $0.prefix(3) } == ["400"])
  }

  @Test("a request that comes in one read needs nothing of it")
  func whole() throws {
    let (fixture, memory) = try fixture(used: 0)
    fixture.receive(fixture.post("{}"))
    #expect(fixture.answers.map { $0.prefix(3) } == ["400"])
    #expect(memory.value == memory.limit)
  }

  @Test("where there is no memory for the rest of a request it is refused, and holds nothing any more")
  func refused() throws {
    let (fixture, memory) = try fixture(used: 100)
    fixture.receive(head + "\r\n" + String(repeating: "x", count: 90))
    #expect(fixture.answers == [])
    fixture.receive("01234567890")
    #expect(fixture.answers.map { $0.prefix(3) } == ["429"])
    #expect(memory.value == memory.limit - 100)
    fixture.reconnect()
    fixture.receive(head + "X-Long: " + String(repeating: "x", count: 200))
    #expect(fixture.answers.map { $0.prefix(3) } == ["429"])
    #expect(memory.value == memory.limit - 100)
  }

  @Test("a client that leaves within a request gives back what it held")
  func left() throws {
    let (fixture, memory) = try fixture(used: 100)
    fixture.receive(head + "\r\n12345")
    #expect(memory.value == memory.limit - 95)
    fixture.wire.close()
    #expect(memory.value == memory.limit - 100)
  }

  @Test("the line a batch waits for counts; a batch that holds too much is closed")
  func batch() throws {
    let (fixture, memory) = try fixture(used: 100)
    fixture.receive(
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n")
    fixture.receive(String(repeating: "x", count: 60))
    #expect(memory.value == memory.limit - 40)
    fixture.receive("\n")
    fixture.settle()
    #expect(memory.value == memory.limit - 100)
    fixture.receive(String(repeating: "x", count: 101))
    #expect(fixture.wire.events.last == "close")
    #expect(memory.value == memory.limit - 100)
  }
}
