import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct ParcelSorterTests {
  private func run(_ texts: [String], from sequence: UInt64) throws -> MessageRun {
    let topic = try Topic("t")
    var messages = texts.enumerated().map { place, text in
      EncodedMessage(
        text, topic: topic, cursor: Cursor(epoch: "e", sequence: sequence + UInt64(place)))
    }
    let run = MessageRun(messages.removeFirst())
    for message in messages { run.append(message) }
    return run
  }

  private func joined(_ runs: [MessageRun], _ form: WireForm) -> ByteBuffer {
    var all = ByteBuffer()
    for message in runs.flatMap(\.messages) { all.writeImmutableBuffer(message.bytes(form)) }
    return all
  }

  private func place(_ bytes: ByteBuffer) -> UInt {
    bytes.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
  }

  @Test("subscribers that get the same messages share one parcel, and its bytes in memory")
  func shares() throws {
    let sorter = ParcelSorter(form: .text)
    let (a, b) = (try run(["a", "b"], from: 1), try run(["c"], from: 3))
    let first = (0..<3).map { _ in sorter.extend(Parcel(), with: a).0 }
    #expect(first == Array(repeating: first[0], count: 3))
    let second = first.map { sorter.extend($0, with: b).0 }
    #expect(second == Array(repeating: second[0], count: 3))
    let bytes = second.map { sorter.bytes(of: $0) }
    #expect(bytes[0] == joined([a, b], .text))
    #expect(Set(bytes.map(place)).count == 1)
  }

  @Test("a parcel of one message is that message's own bytes")
  func single() throws {
    let sorter = ParcelSorter(form: .ndjson)
    let a = try run(["a"], from: 1)
    let (parcel, byteCount) = sorter.extend(Parcel(), with: a)
    #expect(place(sorter.bytes(of: parcel)) == place(a.messages[0].bytes(.ndjson)))
    #expect(byteCount == a.messages[0].bytes(.ndjson).readableBytes)
  }

  @Test("joining a run leaves the messages' own bytes as they were", arguments: WireForm.allCases)
  func leavesMessages(form: WireForm) throws {
    let a = try run(["a", "b", "c"], from: 1)
    let before = a.messages.map { $0.bytes(form) }
    #expect(a.bytes(form) == joined([a], form))
    #expect(a.messages.map { $0.bytes(form) } == before)
    #expect(a.messages.map { place($0.bytes(form)) } == before.map(place))
  }

  @Test("the rest of a run after a number has the messages above it, and there is none after the last")
  func suffix() throws {
    let a = try run(["a", "b", "c"], from: 5)
    #expect(a.suffix(after: 4)?.messages.map(\.cursor.sequence) == [5, 6, 7])
    #expect(a.suffix(after: 6)?.messages.map(\.cursor.sequence) == [7])
    #expect(a.suffix(after: 7) == nil)
  }

  @Test("whatever subscribers get in whatever form, each parcel holds its messages, in order and nothing else")
  func anyBurst() throws {
    var generator = SeededGenerator(seed: 4)
    let sorters = WireForm.allCases.map(ParcelSorter.init)
    for _ in 0..<200 {
      let runs = try (0..<Int.random(in: 1...8, using: &generator)).map { number in
        try run((0..<Int.random(in: 1...3, using: &generator)).map { "m\(number).\($0)" }, from: UInt64(number * 3 + 1))
      }
      let sorter = (0..<12).map { _ in Int.random(in: sorters.indices, using: &generator) }
      var parcels = sorter.map { _ in Parcel() }
      var owed: [[MessageRun]] = sorter.map { _ in [] }
      for run in runs {
        for place in sorter.indices where Bool.random(using: &generator) {
          let byteCount: Int
          (parcels[place], byteCount) = sorters[sorter[place]].extend(parcels[place], with: run)
          owed[place].append(run)
          #expect(byteCount == joined(owed[place], WireForm.allCases[sorter[place]]).readableBytes)
        }
      }
      for place in sorter.indices where !owed[place].isEmpty {
        let expected = joined(owed[place], WireForm.allCases[sorter[place]])
        #expect(sorters[sorter[place]].bytes(of: parcels[place]) == expected)
      }
      for sorter in sorters { sorter.removeAll() }
    }
  }
}
