package crash

import (
	"os"
	"syscall"
	"time"

	"go.temporal.io/sdk/interceptor"

	"fermata/activities/fault"
)

// killer is the interceptor of a worker under test: it kills at points, and makes Temporal notice soon.
type killer struct {
	interceptor.WorkerInterceptorBase
	points  points
	silence time.Duration // How long a worker may be silent before its step is given to another.
}

func newKiller() *killer {
	return &killer{points: points{os.Getenv(variablePoints)}, silence: silence}
}

// stop lets this process sleep, if no other does.
func (k *killer) stop(at place, f firing) (slept bool, err error) {
	if !k.points.lull(f.PID, at, f.Kind) {
		return false, again("another process sleeps")
	}
	if !k.points.claim(at, f) {
		k.points.rouse()
		return false, nil
	}
	k.sleep()
	return true, nil
}

// killServer kills Temporal; if it is being started just now, the activity comes again.
func (k *killer) killServer(at place, f firing) error {
	pid := k.points.pid(roleTemporal)
	if pid == 0 {
		return again("Temporal is away already")
	}
	if k.points.claim(at, f) {
		kill(pid)
	}
	return nil
}

func (k *killer) stopServer(at place, f firing) error {
	pid := k.points.pid(roleTemporal)
	if pid == 0 || !k.points.lull(pid, at, f.Kind) {
		return again("another process sleeps")
	}
	if !k.points.claim(at, f) {
		k.points.rouse()
		return nil
	}
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	return nil
}

// sleep stops this process. Whoever wakes it finds this attempt where it was, long after Temporal gave it up.
func (k *killer) sleep() {
	began := time.Now()
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	for time.Since(began) < k.silence { // The signal may take effect a moment after the call has returned.
		time.Sleep(time.Millisecond)
	}
}

// kill sends SIGKILL: nothing is closed, flushed or told. To oneself it does not return.
func kill(pid int) {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if pid == os.Getpid() {
		select {}
	}
}

func again(text string) error {
	return fault.ForTemporal(fault.New(fault.Unavailable, "crash suite: %s", text))
}

func forGood() error {
	return fault.ForTemporal(fault.New(fault.Invalid, "crash suite: fails for good"))
}
