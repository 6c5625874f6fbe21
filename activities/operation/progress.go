package operation

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// Progress is how long work keeps its place: an integration notes the vendor's task reference before it waits for the
// task, and the next attempt, on whichever worker, reads it and attaches to the same task.
type Progress interface {
	// Task returns the reference that an earlier attempt noted, or "".
	Task() string
	// Note remembers the vendor's task reference (a vSphere MOID, a job id). Never a secret.
	Note(task string)
	// Say tells people how far the work is, in a few words: "cloning: 40 %".
	Say(text string)
}

// Note is what a heartbeat carries.
type note struct {
	Task string `json:"task,omitempty"`
	Text string `json:"text,omitempty"`
}

type heartbeats struct {
	ctx  context.Context
	mu   sync.Mutex
	note note
}

// StartProgress binds progress to the heartbeats of the activity that runs in ctx and beats at a third of its
// heartbeat timeout until stop is called, so that silence means that the worker is gone.
func StartProgress(ctx context.Context) (p Progress, stop func()) {
	h := &heartbeats{ctx: ctx}
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &h.note) // Details of another form mean: begin anew.
		h.note.Text = ""
	}
	done := make(chan struct{})
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout > 0 {
		h.beat()
		go h.tick(timeout/3, done)
	}
	var once sync.Once
	return h, func() { once.Do(func() { close(done) }) }
}

func (h *heartbeats) tick(every time.Duration, done <-chan struct{}) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-h.ctx.Done():
			return
		case <-ticker.C:
			h.beat()
		}
	}
}

func (h *heartbeats) beat() {
	h.mu.Lock()
	defer h.mu.Unlock()
	activity.RecordHeartbeat(h.ctx, h.note)
}

func (h *heartbeats) Task() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.note.Task
}

func (h *heartbeats) Note(task string) { h.change(func(n *note) { n.Task = task }) }
func (h *heartbeats) Say(text string)  { h.change(func(n *note) { n.Text = text }) }

func (h *heartbeats) change(f func(*note)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.note)
	activity.RecordHeartbeat(h.ctx, h.note)
}

// Memory is a Progress that stays in the process: for tests and for callers outside an activity.
type Memory struct {
	mu    sync.Mutex
	task  string
	texts []string
}

// Task returns the reference noted last.
func (m *Memory) Task() string { m.mu.Lock(); defer m.mu.Unlock(); return m.task }

// Note remembers the reference.
func (m *Memory) Note(task string) { m.mu.Lock(); defer m.mu.Unlock(); m.task = task }

// Say keeps the text.
func (m *Memory) Say(text string) { m.mu.Lock(); defer m.mu.Unlock(); m.texts = append(m.texts, text) }

// Texts returns what was said.
func (m *Memory) Texts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.texts...)
}
