// swift-format-ignore-file

extension Golden {
  static let manOfProgram = ##"""
.TH CHAT 1 "2026-11-23" "chat 1.2.3" "User Commands"
.SH NAME
chat \- talk over topics
.SH SYNOPSIS
\fBchat\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]
.SH DESCRIPTION
It is small.
It has one of everything, the C:\epath of no one and an em dash \[u2014]
too.
.SH COMMANDS
.TP
\fBchat\-serve\fR(1)
Run the server.
.TP
\fBchat\-token\fR(1)
Make and inspect tokens.
.TP
\fBchat\-publish\fR(1)
Send a message.
.TP
\fBchat\-completion\fR(1)
Print a completion script.
.TP
\fBchat help\fR \fICOMMAND\fR
Print help for a command.
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
Print help: \-h in short, \-\-help in full.
.TP
\fB\-V\fR, \fB\-\-version\fR
Print the version.
.SH EXIT STATUS
.TP
\fB0\fR
Done.
.TP
\fB1\fR
Failed.
.TP
\fB2\fR
Bad usage.
.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
No colour, whatever it holds.
.TP
\fBCHAT_HOME\fR
Where it lives.
.SH EXAMPLES
Run it.
.PP
.RS 4
.EX
chat serve
.EE
.RE
.SH SEE ALSO
\fBchat\-serve\fR(1),
\fBchat\-token\fR(1),
\fBchat\-publish\fR(1),
\fBchat\-completion\fR(1)

"""##
}
