// swift-format-ignore-file

extension Golden {
  static let environmentFileOfServe = ##"""
# Settings of chat serve.
#
# The second paragraph.

# Listen on HOST.
#HOST=127.0.0.1

# Listen on PORT; 0 takes a free one. Accepts an integer from 0 to 65535.
#PORT=8080

# Run N event loops. Accepts an integer from 1 to 1024. Default: number of
# cores.
#WORKER_COUNT=

# Write logs as text or as JSON. Accepts text, json.
#LOG_FORMAT=text

# Colour the log. Accepts 1 or 0 (or true, false, yes, no, on, off).
#CHAT_COLOR=on

### Security

# Trust the public key in FILE. Several parted by colons.
KEY_FILES=/etc/chat/key.pem

# Trust this public key.
#PUBLIC_KEY_B64=

"""##
}
