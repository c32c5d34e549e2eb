//! Questions about offsets, and changes of them.

use std::ffi::c_char;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::client::Native;
use super::error::{NativeError, c_string, checked, millis, text};
use super::lists::{Listed, entries, offset_list, partition_list};
use crate::{OffsetAndMetadata, TopicPartition};

/// Which end of a log is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) enum LogEnd {
    Beginning,
    /// After the last record of any state.
    End,
    LastStable,
}

type AdminOptions = *mut sys::rd_kafka_AdminOptions_t;

type AdminEvent = *mut sys::rd_kafka_event_t;

type RawQueue = *mut sys::rd_kafka_queue_t;

/// Sends a request of an administrator, and gives what `read` makes of the answer.
///
/// # Safety
/// `submit` hands the options and the queue to one request of kind `api`; `read` takes the event
/// for an answer to it.
unsafe fn administer<T>(
    client: &Native,
    api: sys::rd_kafka_admin_op_t,
    within: Duration,
    submit: impl FnOnce(*mut sys::rd_kafka_t, AdminOptions, RawQueue),
    read: impl FnOnce(AdminEvent) -> T,
) -> Result<T, NativeError> {
    let rk = client.ptr.as_ptr();
    // SAFETY: options, queue and event are ours, each destroyed once after its last use.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(rk, api);
        let mut reason = [0 as c_char; 128];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            millis(within),
            reason.as_mut_ptr(),
            reason.len(),
        );
        let queue = sys::rd_kafka_queue_new(rk);
        submit(rk, options, queue);
        // The request has its own timeout: this one is only a net below it.
        let event = sys::rd_kafka_queue_poll(queue, millis(within * 2));
        let answer = if event.is_null() {
            Err(NativeError::of(RespErr::RD_KAFKA_RESP_ERR__TIMED_OUT))
        } else {
            let error = checked(sys::rd_kafka_event_error(event));
            let words = text(sys::rd_kafka_event_error_string(event));
            let answer = match error {
                Ok(()) => Ok(read(event)),
                Err(error) => Err(NativeError { text: words, ..error }),
            };
            sys::rd_kafka_event_destroy(event);
            answer
        };
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_AdminOptions_destroy(options);
        answer
    }
}

/// One end of a partition's log.
pub(in crate::kafka) fn log_end(
    client: &Native,
    partition: &TopicPartition,
    end: LogEnd,
    within: Duration,
) -> Result<i64, NativeError> {
    use sys::rd_kafka_IsolationLevel_t as Isolation;
    use sys::rd_kafka_OffsetSpec_t as Spec;
    let (spec, isolation) = match end {
        LogEnd::Beginning => (
            Spec::RD_KAFKA_OFFSET_SPEC_EARLIEST,
            Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        LogEnd::End => (
            Spec::RD_KAFKA_OFFSET_SPEC_LATEST,
            Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        LogEnd::LastStable => {
            (Spec::RD_KAFKA_OFFSET_SPEC_LATEST, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED)
        }
    };
    let list = partition_list(std::slice::from_ref(partition));
    // SAFETY: the list is copied; the result belongs to the event and is copied out of it.
    let found = unsafe {
        (*(*list.ptr()).elems).offset = spec as i64;
        administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
            within,
            |rk, options, queue| {
                let error = sys::rd_kafka_AdminOptions_set_isolation_level(options, isolation);
                debug_assert!(error.is_null());
                sys::rd_kafka_ListOffsets(rk, list.ptr(), options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_ListOffsets_result(event);
                let mut count = 0;
                let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
                (count == 1).then(|| {
                    let row = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos);
                    checked(row.err)?;
                    // A broker that did not answer in time leaves no offset, and no error either.
                    match row.offset {
                        offset @ 0.. => Ok(offset),
                        _ => Err(NativeError::of(RespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)),
                    }
                })
            },
        )
    }?;
    found.unwrap_or(Err(NativeError::of(RespErr::RD_KAFKA_RESP_ERR_UNKNOWN)))
}

/// What `group` has committed, for `partitions` or for all; waits for no transaction.
pub(in crate::kafka) fn group_offsets(
    client: &Native,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = partitions.map(partition_list);
    let list = list.as_ref().map_or(ptr::null(), |list| list.ptr().cast_const());
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list);
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                let error = sys::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
                debug_assert!(error.is_null());
                sys::rd_kafka_ListConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// Sets offsets of a group without members.
pub(in crate::kafka) fn alter_group_offsets(
    client: &Native,
    group: &str,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = offset_list(offsets);
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                sys::rd_kafka_AlterConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// Forgets offsets of a group.
pub(in crate::kafka) fn delete_group_offsets(
    client: &Native,
    group: &str,
    partitions: &[TopicPartition],
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = partition_list(partitions);
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                sys::rd_kafka_DeleteConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// # Safety
/// `groups` has `count` results, alive.
unsafe fn group_rows(
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
) -> Result<Vec<Listed>, NativeError> {
    let mut rows = Vec::new();
    // SAFETY: the caller's promise; rows and errors are copied.
    unsafe {
        for number in 0..count {
            let group = *groups.add(number);
            let error = sys::rd_kafka_group_result_error(group);
            if !error.is_null() {
                return Err(NativeError {
                    text: text(sys::rd_kafka_error_string(error)),
                    ..NativeError::of(sys::rd_kafka_error_code(error))
                });
            }
            rows.extend(entries(sys::rd_kafka_group_result_partitions(group)));
        }
    }
    Ok(rows)
}
