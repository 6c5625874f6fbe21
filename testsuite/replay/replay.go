// Package replay carries the workflows of this build through the recorded histories of real runs. A build that takes
// another way than the history is found before it meets a run that was parked by an older one.
package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/encryption"
	"fermata/wire"
	fermata "fermata/worker"
)

// KeyFile is the file beside the histories with the key that they are sealed with.
const KeyFile = "recording-key"

// Keys reads the key that the histories in the folder are sealed with.
func Keys(folder string) (*encryption.Keyring, error) {
	text, err := os.ReadFile(filepath.Join(folder, KeyFile))
	if err != nil {
		return nil, fmt.Errorf("reading the recording key: %w", err)
	}
	key, err := encryption.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading the recording key: %w", err)
	}
	return encryption.NewKeyring(key)
}

// Packed ends the name of a history that is compressed.
const Packed = ".gz"

// Files lists the histories in the folder.
func Files(folder string) ([]string, error) {
	plain, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing histories: %w", err)
	}
	packed, err := filepath.Glob(filepath.Join(folder, "*.json"+Packed))
	if err != nil {
		return nil, fmt.Errorf("listing histories: %w", err)
	}
	return append(plain, packed...), nil
}

// Load reads a history from its file.
func Load(file string) (*historypb.History, error) {
	data, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("reading a history: %w", err)
	}
	h := &historypb.History{}
	if err := (temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, h); err != nil {
		return nil, fmt.Errorf("reading the history %s: %w", filepath.Base(file), err)
	}
	return h, nil
}

func read(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(file, Packed) {
		return data, err
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", filepath.Base(file), err)
	}
	return io.ReadAll(r)
}

// TypeOf is the workflow type of a history; empty: it has no beginning.
func TypeOf(h *historypb.History) string {
	if len(h.GetEvents()) == 0 {
		return ""
	}
	return h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
}

// Replay carries this build's workflow through the history. It returns an error if the build would have given Temporal
// other commands, or if a run that ended in the history ends otherwise.
func Replay(h *historypb.History, keys *encryption.Keyring) error { return replay(h, keys) }

func replay(h *historypb.History, keys *encryption.Keyring, watching ...interceptor.WorkerInterceptor) error {
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: anywhere{keys.DataConverter()}, FailureConverter: anyones{keys.FailureConverter()}, Interceptors: watching,
	})
	if err != nil {
		return fmt.Errorf("making a replayer: %w", err)
	}
	fermata.RegisterWorkflows(func(name string, f any) {
		replayer.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	})
	if TypeOf(h) == "" {
		return errors.New("the history has no beginning")
	}
	begun := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	original := workflow.Execution{ID: begun.GetWorkflowId(), RunID: begun.GetOriginalExecutionRunId()}
	if err := replayer.ReplayWorkflowHistoryWithOptions(quiet{}, h, worker.ReplayWorkflowHistoryOptions{OriginalExecution: original}); err != nil {
		return err
	}
	return sameEnd(h, keys, replayer, original.ID)
}

// anywhere and anyones keep the SDK's context from the keys: a replayer does not know of which namespace a history is, so
// payloads are opened as what they say they are.
type (
	anywhere struct{ converter.DataConverter }
	anyones  struct{ converter.FailureConverter }
)

// sameEnd compares how a run ended. Texts and plans may come out in other words in a later build.
func sameEnd(h *historypb.History, keys *encryption.Keyring, replayer worker.WorkflowReplayer, id string) error {
	completed := h.GetEvents()[len(h.GetEvents())-1].GetWorkflowExecutionCompletedEventAttributes()
	if completed == nil || !slices.Contains([]string{wire.ProvisionServer, wire.ChangeServer, wire.DecommissionServer}, TypeOf(h)) {
		return nil
	}
	var was, is wire.StartOutput
	if err := keys.DataConverter().FromPayloads(completed.GetResult(), &was); err != nil {
		return fmt.Errorf("reading how the run ended: %w", err)
	}
	// The method is public, but the SDK's interface leaves it out.
	results, ok := replayer.(interface {
		GetWorkflowResult(id string, into any) error
	})
	if !ok {
		return errors.New("this version of the SDK does not tell how a replay ended")
	}
	if err := results.GetWorkflowResult(id, &is); err != nil {
		return fmt.Errorf("reading how the replay ended: %w", err)
	}
	if was.Outcome != is.Outcome || was.Record != is.Record {
		return fmt.Errorf("the run ended as %q with record %s, the replay as %q with record %s", was.Outcome, was.Record, is.Outcome, is.Record)
	}
	return nil
}

// quiet drops what the replayer logs: its error says it all.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
