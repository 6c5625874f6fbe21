package judge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"fermata/sandbox/estate"
)

// members reads the balancer's file, and asks its socket what is in force.
func (j *Judge) members(ctx context.Context, name, address string) ([]string, error) {
	data, err := j.Estate.Balancer.ReadFile("/etc/haproxy/haproxy.cfg")
	if err != nil {
		return nil, fmt.Errorf("reading the balancer's file: %w", err)
	}
	var facts []string
	for line := range strings.SplitSeq(string(data), "\n") {
		if mentions(line, name, address) {
			facts = append(facts, "member in the file: "+strings.TrimSpace(line))
		}
	}
	text, err := j.ask(ctx, "show stat")
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, ",")
		if len(f) > 18 && f[0] == estate.Backend && f[1] == name {
			facts = append(facts, fmt.Sprintf("member in force: %s/%s %s weight %s", f[0], f[1], f[17], f[18]))
		}
	}
	return facts, nil
}

// ask puts one command to the balancer's socket by hand.
func (j *Judge) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := j.Estate.Network.Dial(ctx, j.Estate.Edge.Address(), estate.BalancerSocket)
	if err != nil {
		return "", fmt.Errorf("connecting to the balancer's socket: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(command + "\n")); err != nil {
		return "", fmt.Errorf("asking the balancer: %w", err)
	}
	data, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("reading the balancer's answer: %w", err)
	}
	return string(data), nil
}
