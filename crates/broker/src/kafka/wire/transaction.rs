//! What a transactional producer asks of its coordinator, and of its group's.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::batches::ProducerId;
use super::code_of;
use super::connection::Address;
use super::coordinator::{Coordinator, Refusal};
use super::settings::Settings;
use super::transaction_requests::{
    ADD_OFFSETS, ADD_PARTITIONS, CoordinatorOf, END_TXN, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT,
    decode_add_partitions, decode_error, decode_init, decode_offsets, encode_add_offsets,
    encode_add_partitions, encode_end, encode_init, encode_offsets,
};
use crate::{GroupIdentity, OffsetAndMetadata, TopicPartition};

/// The transactions of one producer.
pub(super) struct Transaction {
    id: String,
    producer: ProducerId,
    coordinator: Coordinator,
    group: Coordinator,
    /// How long a call may take.
    within: Duration,
    /// Whether there is something in the open one.
    has_begun: bool,
}

/// Who can be asked.
#[derive(Clone, Copy)]
pub(super) struct Brokers<'a> {
    pub(super) settings: &'a Settings,
    pub(super) known: &'a [Address],
}

impl Transaction {
    /// Takes the id, which ends what its predecessor has left open, and fences it.
    pub(super) fn open(
        Brokers { settings, known }: Brokers<'_>,
        id: &str,
        timeout: Duration,
        within: Duration,
    ) -> Result<Self, Refusal> {
        let mut coordinator = Coordinator::new(CoordinatorOf::Transactions, id);
        let encode = |request: &mut _| encode_init(request, Some(id), timeout);
        let producer =
            coordinator.call(settings, known, within, INIT_PRODUCER_ID, encode, decode_init)?;
        let group = Coordinator::new(CoordinatorOf::Group, "");
        Ok(Self { id: id.to_owned(), producer, coordinator, group, within, has_begun: false })
    }

    pub(super) fn producer(&self) -> ProducerId {
        self.producer
    }

    /// Whether a request was not answered: its first copy may come at any time, and would act on the
    /// next transaction. One of the group's has ended the producer.
    pub(super) fn has_lost(&self) -> bool {
        self.coordinator.has_lost
    }

    /// Tells it of partitions; which one was refused, if one was.
    pub(super) fn add_partitions(
        &mut self,
        Brokers { settings, known }: Brokers<'_>,
        partitions: &[TopicPartition],
    ) -> Result<Option<(TopicPartition, Code)>, Refusal> {
        self.has_begun = true;
        let Self { id, producer, coordinator, within, .. } = self;
        let rows = coordinator.call(
            settings,
            known,
            *within,
            ADD_PARTITIONS,
            |request| encode_add_partitions(request, id, *producer, partitions),
            |answer| {
                let rows = decode_add_partitions(answer)?;
                // All or none.
                let of_coordinator = rows.iter().map(|(_, error)| *error).find(|error| {
                    matches!(
                        code_of(*error),
                        Code::CoordinatorLoadInProgress
                            | Code::CoordinatorNotAvailable
                            | Code::NotCoordinator
                            | Code::ConcurrentTransactions
                    )
                });
                Ok((of_coordinator.unwrap_or(0), rows))
            },
        )?;
        let mut codes = rows.into_iter().map(|(partition, error)| (partition, code_of(error)));
        // Those beside one that is refused are not attempted.
        Ok(codes.find(|(_, code)| !matches!(code, Code::NoError | Code::OperationNotAttempted)))
    }

    /// Adds a group's offsets; why the group refuses them, if it is that the member is none any more.
    pub(super) fn add_offsets(
        &mut self,
        Brokers { settings, known }: Brokers<'_>,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<Option<Code>, Refusal> {
        self.has_begun = true;
        let Self { id, producer, coordinator, within, group, .. } = self;
        coordinator.call(
            settings,
            known,
            *within,
            ADD_OFFSETS,
            |request| encode_add_offsets(request, id, *producer, &identity.group),
            |answer| Ok((decode_error(answer)?, ())),
        )?;
        if group.key != identity.group {
            *group = Coordinator::new(CoordinatorOf::Group, identity.group.clone());
        }
        let refused = group.call(
            settings,
            known,
            *within,
            TXN_OFFSET_COMMIT,
            |request| encode_offsets(request, id, *producer, offsets, identity),
            |answer| {
                let error = decode_offsets(answer)?;
                let code = code_of(error);
                let is_about_member = matches!(
                    code,
                    Code::IllegalGeneration
                        | Code::StaleMemberEpoch
                        | Code::UnknownMemberId
                        | Code::FencedInstanceId
                        | Code::RebalanceInProgress
                );
                Ok(if is_about_member { (0, Some(code)) } else { (error, None) })
            },
        );
        // After its end nobody would tell the group's coordinator that a late copy is of the past: the
        // transaction is not ended here, but by the next producer of the id, which fences that.
        if group.has_lost {
            return Err(Refusal::Unanswered("a request with offsets was not answered".to_owned()));
        }
        refused
    }

    /// Ends it, one way or the other.
    pub(super) fn end(
        &mut self,
        Brokers { settings, known }: Brokers<'_>,
        commit: bool,
    ) -> Result<(), Refusal> {
        if !std::mem::take(&mut self.has_begun) {
            return Ok(());
        }
        let Self { id, producer, coordinator, within, .. } = self;
        coordinator.call(
            settings,
            known,
            *within,
            END_TXN,
            |request| encode_end(request, id, *producer, commit),
            |answer| Ok((decode_error(answer)?, ())),
        )
    }
}
