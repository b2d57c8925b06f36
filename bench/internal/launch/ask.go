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

// Ask writes line to the process's standard input and returns the line that it
// then writes to its standard output, which begins with "ok", without that; one
// that begins otherwise is an error. One call at a time.
func (p *Process) Ask(line string) (string, error) {
	if _, err := p.pipes.in.WriteString(line + "\n"); err != nil {
		return "", fmt.Errorf("launch: ask %s: %w\n%s", p.cmd.Path, err, p.Tail())
	}
	reply, err := p.pipes.replies.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("launch: %s ended when asked: %w\n%s", p.cmd.Path, err, p.Tail())
	}
	return parseReply(reply)
}

func parseReply(line string) (string, error) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, "ok"); ok && (rest == "" || rest[0] == ' ') {
		return strings.TrimSpace(rest), nil
	}
	return "", errors.New("launch: the process says: " + line)
}
