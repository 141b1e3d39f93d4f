"""Plain classes as gRPC services: a method named like an RPC takes its request and returns its response."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from flytekit_sagemaker.sandbox.refusals import Refused, not_here


def service(descriptor: Any, implementation: object) -> grpc.GenericRpcHandler:
    """A gRPC service whose calls go to the methods of an object.

    Args:
        descriptor: the service's protobuf descriptor.
        implementation: has a method, plain or async, for each RPC that it can answer. Any other call is answered
            UNIMPLEMENTED, and a :class:`Refused` that a method raises with its own status.
    """
    unary = (method for method in descriptor.methods if not method.server_streaming)
    handlers = {method.name: _handler(method, implementation) for method in unary}
    return grpc.method_handlers_generic_handler(descriptor.full_name, handlers)


def _handler(method: Any, implementation: object) -> grpc.RpcMethodHandler:
    answer = getattr(implementation, method.name, None) or _unimplemented(method.name)
    request_type, response_type = GetMessageClass(method.input_type), GetMessageClass(method.output_type)

    async def behavior(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            response = answer(request)
            return await response if inspect.isawaitable(response) else response
        except Refused as refused:
            await context.abort(refused.code, str(refused))
        except Exception as fault:
            logging.getLogger(__name__).exception("%s", method.full_name)
            await context.abort(grpc.StatusCode.INTERNAL, f"The sandbox has failed: {fault!r}")

    return grpc.unary_unary_rpc_method_handler(
        behavior, request_deserializer=request_type.FromString, response_serializer=response_type.SerializeToString
    )


def _unimplemented(name: str) -> Callable[[Any], Awaitable[Any]]:
    async def refuse(_: Any) -> Any:
        raise not_here(name)

    return refuse
