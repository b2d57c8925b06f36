package launch

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// pipes are the process's standard input and output. Methods of a nil pointer
// do nothing.
type pipes struct {
	in      *os.File
	out     *os.File
	replies *bufio.Reader
	theirs  [2]*os.File // the ends of the process
}

func newPipes(cmd *exec.Cmd) (*pipes, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), theirIn.Close())
	}
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	return &pipes{in: in, out: out, replies: bufio.NewReader(out), theirs: [2]*os.File{theirIn, theirOut}}, nil
}

// started closes the process's ends, and ours too when it did not start.
func (p *pipes) started(err error) {
	if p == nil {
		return
	}
	for _, f := range p.theirs {
		_ = f.Close()
	}
	if err != nil {
		p.close()
	}
}

func (p *pipes) close() {
	if p != nil {
		_ = p.in.Close()
		_ = p.out.Close()
	}
}

// Ask writes line to the process's standard input and returns what follows "ok"
// in the line that it then writes to its standard output; one that begins with
// "error" is an error, and others are its log, which some libraries write there.
// One call at a time.
func (p *Process) Ask(line string) (string, error) {
	if _, err := p.pipes.in.WriteString(line + "\n"); err != nil {
		return "", fmt.Errorf("launch: ask %s: %w\n%s", p.cmd.Path, err, p.Tail())
	}
	for {
		line, err := p.pipes.replies.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("launch: %s ended when asked: %w\n%s", p.cmd.Path, err, p.Tail())
		}
		if reply, ok, err := parseReply(line); ok {
			return reply, err
		}
	}
}

// parseReply says whether line is a reply at all.
func parseReply(line string) (reply string, ok bool, err error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case "ok":
		return rest, true, nil
	case "error":
		return "", true, errors.New("launch: the process says: " + rest)
	}
	return "", false, nil
}
