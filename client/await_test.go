package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"fermata/activities/fault"
)

// server answers who polls a queue, and whether a workflow was ended. What else it is asked makes the test fail.
type server struct {
	temporal.Client
	polled func() time.Time // When a worker asked last; zero: none did.
	ended  string
}

// service is the part of a server that the client asks directly.
type service struct {
	workflowservice.WorkflowServiceClient
	polled func() time.Time
}

func (s *server) WorkflowService() workflowservice.WorkflowServiceClient {
	return service{polled: s.polled}
}

func (s service) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest, ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	at := s.polled()
	if at.IsZero() {
		return &workflowservice.DescribeTaskQueueResponse{}, nil
	}
	return &workflowservice.DescribeTaskQueueResponse{Pollers: []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.New(at)}}}, nil
}

func (s service) ListTaskQueuePartitions(context.Context, *workflowservice.ListTaskQueuePartitionsRequest, ...grpc.CallOption) (*workflowservice.ListTaskQueuePartitionsResponse, error) {
	return &workflowservice.ListTaskQueuePartitionsResponse{}, nil
}

func (s *server) TerminateWorkflow(_ context.Context, id, _, _ string, _ ...any) error {
	s.ended = id
	return nil
}

// handle is a workflow that answers when it is let.
type handle struct {
	temporal.WorkflowRun
	answer chan error
}

func (h handle) GetID() string    { return "inquiry/check/1" }
func (h handle) GetRunID() string { return "" }

func (h handle) Get(ctx context.Context, _ any) error {
	select {
	case err := <-h.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func awaiting(s *server) *Client { return &Client{temporal: s, lookEvery: time.Millisecond} }

func TestAnAnswerThatNobodyGivesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Time{"nobody ever asked for work": {}, "a worker died": time.Now().Add(-2 * time.Minute)} {
		s := &server{polled: func() time.Time { return at }}
		err := awaiting(s).await(t.Context(), handle{answer: make(chan error)}, nil, "planning")
		require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
		require.ErrorContains(t, err, "planning: no worker serves queue fermata: start one with fermata-worker --serve workflows")
		require.Equal(t, "inquiry/check/1", s.ended, "a worker that comes later would answer nobody")
	}
}

// Temporal forgets at its restart who polls: workers that come back are waited for.
func TestAnAnswerIsWaitedForWhileAWorkerIsThere(t *testing.T) {
	t.Parallel()
	h := handle{answer: make(chan error, 1)}
	looks := 0
	s := &server{polled: func() time.Time {
		looks++
		if looks == 20 {
			h.answer <- nil
		}
		if looks%looksInVain == 0 {
			return time.Now()
		}
		return time.Time{}
	}}
	require.NoError(t, awaiting(s).await(t.Context(), h, nil, "planning"))
	require.Empty(t, s.ended)
}

func TestWhatTemporalAnswersSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for text, x := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"none of this machine's keys":     {errors.New("Encoded failure"), fault.Invalid},
		`Temporal has no namespace "lab"`: {serviceerror.NewNamespaceNotFound("lab"), fault.Invalid},
		"too late":                        {serviceerror.NewDeadlineExceeded("too late"), fault.Unavailable},
		"no such workflow":                {serviceerror.NewNotFound("no such workflow"), fault.NotFound},
		"go away":                         {serviceerror.NewPermissionDenied("go away", ""), fault.Unauthorized},
	} {
		err := translate(x.err, "listing runs")
		require.Equal(t, x.kind, fault.KindOf(err), text)
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, "listing runs")
	}
}
