import NotifluxProtocol
import Testing

@Suite struct CloseCodeTests {
  @Test("only codes that RFC 6455 and its registry allow may stand in a frame")
  func sendable() {
    let allowed = (0...5000).filter { CloseCode(rawValue: UInt16($0)).isSendable }
    #expect(allowed == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
  }

  @Test("a client comes back unless it would fail the same way again")
  func reconnect() {
    let final = (1000...1015).filter { !CloseCode(rawValue: UInt16($0)).invitesReconnect }
    #expect(final == [1002, 1003, 1007, 1008, 1009])
  }

  @Test("the drain hint reads back what it says")
  func hint() {
    #expect(ReconnectHint.milliseconds(in: ReconnectHint.reason(milliseconds: 1234)) == 1234)
    for text in ["", "reconnect in ms", "reconnect in -1 ms", "reconnect in x ms", "slow consumer", "reconnect in 5 s"]
    {
      #expect(ReconnectHint.milliseconds(in: text) == nil)
    }
  }
}
