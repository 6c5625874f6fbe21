package machine

import (
	"context"
	"sync"
)

// Queue carries out what is asked of each instance in order, and each instance's in a goroutine of its own. The zero Queue is ready.
type Queue struct {
	tasks   sync.WaitGroup
	mu      sync.Mutex
	waiting map[string][]func()
	cancels map[string]context.CancelFunc // Of what is being built or booted.
}

// Add lets something be done after what was added for the instance before.
func (q *Queue) Add(id string, do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting, q.cancels = map[string][]func(){}, map[string]context.CancelFunc{}
	}
	_, runs := q.waiting[id]
	q.waiting[id] = append(q.waiting[id], do)
	if !runs {
		q.tasks.Go(func() { q.run(id) })
	}
}

func (q *Queue) run(id string) {
	for {
		q.mu.Lock()
		if len(q.waiting[id]) == 0 {
			delete(q.waiting, id)
			q.mu.Unlock()
			return
		}
		do := q.waiting[id][0]
		q.waiting[id] = q.waiting[id][1:]
		q.mu.Unlock()
		do()
	}
}

// Go does something that is no instance's.
func (q *Queue) Go(do func()) { q.tasks.Go(do) }

// Start gives a task of an instance a context that Cancel ends.
func (q *Queue) Start(ctx context.Context, id string) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancels[id] = cancel
	return ctx
}

// Cancel ends what is being built or booted of an instance.
func (q *Queue) Cancel(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if cancel := q.cancels[id]; cancel != nil {
		cancel()
		delete(q.cancels, id)
	}
}

// Wait waits until all is done. Nothing may be added after it has begun.
func (q *Queue) Wait() { q.tasks.Wait() }
