package guests

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// listen reads what the guest tells the platform.
func (g *Guest) listen() error {
	// Opened for both, so that it does not end when one of the guest's programs has written.
	pipe, err := os.OpenFile(g.Path(rpcFile), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening the guest's channel: %w", err)
	}
	g.rpc = pipe
	go func() {
		defer close(g.told)
		lines := bufio.NewScanner(pipe)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if set, ok := strings.CutPrefix(lines.Text(), "info-set "); ok && g.o.Told != nil {
				key, value, _ := strings.Cut(set, " ")
				g.o.Told(key, value)
			}
		}
	}()
	return nil
}
