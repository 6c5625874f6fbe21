package client

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/encryption"
)

// KeysInUse counts, for each id of a key, the open workflows with something in their history that it sealed. All of a
// history counts, as a run that goes on is replayed from its beginning. It reads the whole history of every open workflow:
// some seconds for hundreds of them.
func (c *Client) KeysInUse(ctx context.Context) (map[string]int, error) {
	used := map[string]int{}
	var token []byte
	for {
		page, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "CloseTime IS NULL", PageSize: 100, NextPageToken: token,
		})
		if err != nil {
			return nil, translate(err, "listing what is open")
		}
		for _, e := range page.GetExecutions() {
			ids, err := c.keysOf(ctx, e.GetExecution())
			if err != nil {
				return nil, translate(err, fmt.Sprintf("reading the history of %s", e.GetExecution().GetWorkflowId()))
			}
			for id := range ids {
				used[id]++
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return used, nil
		}
	}
}

// keysOf are the ids of the keys in the history of one execution.
func (c *Client) keysOf(ctx context.Context, e *commonpb.WorkflowExecution) (map[string]bool, error) {
	ids := map[string]bool{}
	note := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
		for _, p := range payloads {
			if id := p.GetMetadata()[encryption.MetadataKeyID]; len(id) > 0 {
				ids[string(id)] = true
			}
		}
		return payloads, nil
	}
	events := c.temporal.GetWorkflowHistory(ctx, e.GetWorkflowId(), e.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, err
		}
		if err := proxy.VisitPayloads(ctx, event, proxy.VisitPayloadsOptions{Visitor: note}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
