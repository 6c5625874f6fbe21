package encryption

import (
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

// failures converts failures with a codec, messages and stack traces too.
//
// An error keeps the failure that it was read from, as it was sealed, and a parent fails with what its child failed with.
// So what comes in is looked at whole, and what goes out is sealed anew for who fails.
type failures struct {
	converter.FailureConverter
	codec codec
}

func (c codec) failures() failures {
	return failures{codec: c, FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          c.dataConverter(),
		EncodeCommonAttributes: true,
	})}
}

func (c codec) dataConverter() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
}

// WithSerializationContext returns the converter of one workflow or activity.
func (f failures) WithSerializationContext(context converter.SerializationContext) converter.FailureConverter {
	return codec{keys: f.codec.keys, known: bindingOf(context)}.failures()
}

// ErrorToFailure seals for who fails whatever was sealed for another. FailureToError let through only what was opened
// rightly, so nothing that was moved is sealed anew.
func (f failures) ErrorToFailure(err error) *failurepb.Failure {
	failure := f.FailureConverter.ErrorToFailure(err)
	if !f.hasForeign(failure) {
		return failure
	}
	failure = proto.CloneOf(failure) // The error keeps its own.
	anyone := codec{keys: f.codec.keys}
	each(failure, func(_ *failurepb.Failure, p *commonpb.Payload) *commonpb.Payload {
		if !f.codec.known.foreign(p) {
			return p
		}
		opened, err := anyone.decrypt(p)
		if err != nil {
			return p // It stays what it is: unreadable.
		}
		clearText, err := proto.Marshal(opened)
		if err != nil {
			return p
		}
		return f.codec.seal(clearText)
	})
	return failure
}

// moved stands in place of what a failure says, where that was sealed for another.
const moved = "this failure's text was sealed for another workflow or activity: somebody moved it"

// FailureToError reads a failure. What is sealed for another is taken out of it. The failure itself is not changed: the
// SDK's own converter writes the opened message into it, and the SDK records it afterwards where a local activity fails.
func (f failures) FailureToError(failure *failurepb.Failure) error {
	failure = proto.CloneOf(failure)
	if f.hasForeign(failure) {
		each(failure, func(in *failurepb.Failure, p *commonpb.Payload) *commonpb.Payload {
			if !f.codec.known.foreign(p) {
				return p
			}
			if p == in.GetEncodedAttributes() {
				in.Message = moved
			}
			return nil
		})
	}
	return f.FailureConverter.FailureToError(failure)
}

func (f failures) hasForeign(failure *failurepb.Failure) bool {
	found := false
	each(failure, func(_ *failurepb.Failure, p *commonpb.Payload) *commonpb.Payload {
		found = found || f.codec.known.foreign(p)
		return p
	})
	return found
}

// each replaces every payload of a failure and of its causes by what change makes of it; nil takes it out.
func each(failure *failurepb.Failure, change func(in *failurepb.Failure, p *commonpb.Payload) *commonpb.Payload) {
	for in := failure; in != nil; in = in.GetCause() {
		if p := in.GetEncodedAttributes(); p != nil {
			in.EncodedAttributes = change(in, p)
		}
		for _, details := range []*commonpb.Payloads{
			in.GetApplicationFailureInfo().GetDetails(), in.GetCanceledFailureInfo().GetDetails(),
			in.GetTimeoutFailureInfo().GetLastHeartbeatDetails(), in.GetResetWorkflowFailureInfo().GetLastHeartbeatDetails(),
		} {
			if details == nil {
				continue
			}
			var kept []*commonpb.Payload
			for _, p := range details.GetPayloads() {
				if p = change(in, p); p != nil {
					kept = append(kept, p)
				}
			}
			details.Payloads = kept
		}
	}
}
